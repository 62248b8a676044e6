//! This file states, as tests, what the system relies on in the actor framework.
//! What is not relied on has no test here; an upgrade that breaks one of these needs a decision.

use std::sync::Arc;
use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorStatus, RpcReplyPort, SupervisionEvent};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(10_000);

/// What a child is told to do.
enum Order {
    Fail,
    Panic,
    Work(Duration),
    Hold(RpcReplyPort<()>),
    Count,
}

/// A child that does as it is told. Its state says when it is dropped.
struct Child;

struct State {
    held: Vec<RpcReplyPort<()>>,
    counted: u32,
    dropped: mpsc::UnboundedSender<String>,
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = self.dropped.send(format!("dropped after {}", self.counted));
    }
}

impl Actor for Child {
    type Msg = Order;
    type State = State;
    type Arguments = Option<mpsc::UnboundedSender<String>>;

    async fn pre_start(
        &self,
        _: ActorRef<Order>,
        dropped: Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let dropped = dropped.ok_or("no start today")?;
        Ok(State { held: Vec::new(), counted: 0, dropped })
    }

    async fn handle(
        &self,
        _: ActorRef<Order>,
        order: Order,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Fail => return Err("told to fail".into()),
            Order::Panic => panic!("told to panic"),
            Order::Work(time) => sleep(time).await,
            Order::Hold(reply) => state.held.push(reply),
            Order::Count => state.counted += 1,
        }
        Ok(())
    }
}

/// A parent that writes down what it hears of its children.
struct Parent;

impl Actor for Parent {
    type Msg = ();
    type State = mpsc::UnboundedSender<String>;
    type Arguments = mpsc::UnboundedSender<String>;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        heard: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(heard)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        heard: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let word = match event {
            SupervisionEvent::ActorStarted(_) => return Ok(()),
            SupervisionEvent::ActorFailed(_, error) => format!("failed: {error}"),
            SupervisionEvent::ActorTerminated(..) => "terminated".to_owned(),
            SupervisionEvent::ProcessGroupChanged(_) => "other".to_owned(),
        };
        heard.send(word)?;
        Ok(())
    }
}

/// A parent that says nothing about its children.
struct Careless;

impl Actor for Careless {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// A parent and its child; what is heard of the child by either way.
struct Family {
    parent: ActorRef<()>,
    child: ActorRef<Order>,
    events: mpsc::UnboundedReceiver<String>,
    drops: mpsc::UnboundedReceiver<String>,
}

async fn family() -> Family {
    let (heard, events) = mpsc::unbounded_channel();
    let (dropped, drops) = mpsc::unbounded_channel();
    let (parent, _) = Actor::spawn(None, Parent, heard).await.unwrap();
    let (child, _) =
        Actor::spawn_linked(None, Child, Some(dropped), parent.get_cell()).await.unwrap();
    Family { parent, child, events, drops }
}

/// A way for a child to end.
type End = fn(&Family);

const ENDS: [End; 6] = [
    |family| family.child.cast(Order::Fail).unwrap(),
    |family| family.child.cast(Order::Panic).unwrap(),
    |family| family.child.stop(None),
    |family| family.child.kill(),
    |family| family.child.drain().unwrap(),
    |family| family.parent.stop(None),
];

#[tokio::test(start_paused = true)]
async fn failing_and_panicking_are_told_from_stopping_and_being_killed() {
    for (end, expected) in
        ENDS.into_iter().zip(["failed", "failed", "terminated", "terminated", "terminated"])
    {
        let mut family = family().await;
        end(&family);
        let event = timeout(LONG, family.events.recv()).await.unwrap().unwrap();
        assert!(event.starts_with(expected), "{event}, not {expected}");
        sleep(SECOND).await;
        assert!(family.events.try_recv().is_err(), "one event for one end");
        assert_eq!(family.parent.get_status(), ActorStatus::Running, "the parent lives on");
    }
}

#[tokio::test(start_paused = true)]
async fn in_every_ending_the_state_is_dropped_and_a_held_reply_tells_its_caller_at_once() {
    for (number, end) in ENDS.into_iter().enumerate() {
        let mut family = family().await;
        let child = family.child.clone();
        let waiting = tokio::spawn(async move { child.call(Order::Hold, Some(LONG)).await });
        sleep(SECOND).await;
        let begun = Instant::now();
        end(&family);
        assert!(timeout(LONG, family.drops.recv()).await.unwrap().is_some(), "end {number}");
        assert!(matches!(waiting.await.unwrap(), Ok(CallResult::SenderError)), "end {number}");
        assert_eq!(begun.elapsed(), Duration::ZERO, "end {number}");
        assert!(family.child.cast(Order::Count).is_err(), "an address of the dead stays dead");
    }
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_says_nothing_about_it_ends_with_its_first_child() {
    let (dropped, _drops) = mpsc::unbounded_channel();
    let (parent, ended) = Actor::spawn(None, Careless, ()).await.unwrap();
    let (child, _) =
        Actor::spawn_linked(None, Child, Some(dropped), parent.get_cell()).await.unwrap();
    child.cast(Order::Panic).unwrap();
    timeout(LONG, ended).await.expect("the parent has ended").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_is_an_error_of_spawn_and_no_event() {
    let mut family = family().await;
    let spawned = Actor::spawn_linked(None, Child, None, family.parent.get_cell()).await;
    assert!(spawned.err().unwrap().to_string().contains("no start today"));
    sleep(SECOND).await;
    assert!(family.events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn stop_waits_for_the_handler_and_kill_does_not() {
    let ends: [(End, u64); 2] =
        [(|family| family.child.stop(None), 60), (|family| family.child.kill(), 1)];
    for (end, expected) in ends {
        let mut family = family().await;
        let begun = Instant::now();
        family.child.cast(Order::Work(SECOND * 60)).unwrap();
        sleep(SECOND).await;
        end(&family);
        timeout(LONG, family.drops.recv()).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn stop_overtakes_what_is_queued_and_drain_does_not() {
    let ends: [(End, &str); 2] = [
        (|family| family.child.stop(None), "dropped after 0"),
        (|family| family.child.drain().unwrap(), "dropped after 1000"),
    ];
    for (end, expected) in ends {
        let mut family = family().await;
        family.child.cast(Order::Work(SECOND)).unwrap();
        sleep(SECOND / 2).await;
        for _ in 0..1000 {
            family.child.cast(Order::Count).unwrap();
        }
        end(&family);
        assert_eq!(timeout(LONG, family.drops.recv()).await.unwrap().unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_drives_timers_of_actors() {
    let mut family = family().await;
    let _ticks = family.child.send_interval(SECOND * 30, || Order::Count);
    let _end = family.child.send_after(SECOND * 301, || Order::Fail);
    let begun = Instant::now();
    let dropped = timeout(LONG, family.drops.recv()).await.unwrap().unwrap();
    assert_eq!((begun.elapsed().as_secs(), dropped.as_str()), (301, "dropped after 10"));
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_an_actor_that_has_ended_does_nothing() {
    let mut family = family().await;
    let kept = Arc::new(());
    let held = Arc::clone(&kept);
    let timer = family.child.send_after(SECOND * 10, move || {
        drop(held);
        Order::Count
    });
    family.child.kill();
    timeout(LONG, family.drops.recv()).await.unwrap();
    assert!(timeout(LONG, timer).await.unwrap().unwrap().is_err());
    assert_eq!(Arc::strong_count(&kept), 1);
}

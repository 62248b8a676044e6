//! Calls to instances of servers that are not shared: the table, and the way through the router.
//! Who may have an instance is the supervisor's affair; here the test plays it.

use std::sync::Arc;

use conductor_config::{Isolation, ServerSpec};
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::berths::{Berths, Boarding};
use super::tests_routes::Lead;
use super::waiting::Waiting;
use super::{RouterActor, RouterHandle};
use crate::audience::principal_of;
use crate::delegation::Admission;
use crate::model::{
    Call, CallError, Cause, Downfall, Generation, Holder, InstanceId, Need, Outage, Seat,
    ServerState, Target,
};
use crate::server::CallFailure;
use crate::server::tests_peer::Peer;
use crate::tests::id;
use crate::wire::{CallParams, Outcome};

impl Waiting for u32 {
    fn is_abandoned(&self) -> bool {
        false
    }
}

fn nth(number: usize) -> Generation {
    std::iter::successors(Some(Generation::default()), |last| Some(last.next()))
        .nth(number)
        .unwrap()
}

fn of(guest: u64) -> InstanceId {
    InstanceId::new(id("a"), Holder::Guest(guest))
}

/// What comes of the steps at a table where two calls may wait for an instance: `c7` is a call, `u3`
/// the third life of the instance coming up, `d3` its end, `h7` a call that found it closed, `-` the end
/// of its holder.
#[track_caller]
fn check(steps: &str, expected: &str) {
    let mut berths: Berths<Lead, u32> = Berths::new(2);
    let told = steps.split(' ').map(|step| {
        let (what, number) = step.split_at(1);
        let number: u32 = number.parse().unwrap_or_default();
        let life = nth(usize::try_from(number).unwrap());
        match what {
            "c" => match berths.dispatch(&of(1), number) {
                Boarding::Send(Lead(life), call) => format!("{call} to {life}"),
                Boarding::Parked { ask } => if ask { "ask" } else { "parked" }.to_owned(),
                Boarding::Full(call, limit) => format!("{call} full {limit}"),
            },
            "u" => format!("{:?}", berths.up(of(1), Lead(life))),
            "d" => {
                let vacated = berths.down(&of(1), life);
                format!("{:?}{}", vacated.failed, if vacated.ask { " ask" } else { "" })
            }
            "h" => format!("{:?}", berths.hold(&of(1), number)),
            _ => format!("{:?}", berths.leave(&Holder::Guest(1))),
        }
    });
    let told: Vec<String> = told.collect();
    assert_eq!(told.join(", "), expected, "{steps}");
}

#[test]
fn calls_wait_for_an_instance_that_is_asked_for_once() {
    check("c1 c2 c3 u1 c4", "ask, parked, 3 full 2, [1, 2], 4 to 1");
}

#[test]
fn a_start_that_fails_fails_its_calls_and_the_next_asks_again() {
    check("c1 d0 c2", "ask, [1], ask");
}

#[test]
fn a_call_that_finds_its_instance_gone_waits_for_the_next() {
    check("c1 u1 h2 d1 u2", "ask, [1], Ok(()), [] ask, [2]");
    check("u1 d1 c2", "[], [], ask");
}

#[test]
fn news_of_an_earlier_life_change_nothing() {
    check("u2 d1 c1", "[], [], 1 to 2");
}

#[test]
fn with_its_holder_an_instance_is_forgotten() {
    check("c1 - c2", "ask, [1], ask");
}

proptest! {
    /// Every call is sent, refused, failed or given back once, and none to another's instance.
    #[test]
    fn no_call_is_lost_and_none_goes_to_anothers(
        steps in proptest::collection::vec((0..5_u8, 0..3_u64), 0..80),
    ) {
        let mut berths: Berths<Lead, (u64, usize)> = Berths::new(3);
        let (mut made, mut settled) = (0, Vec::new());
        let mut homes: Vec<u64> = Vec::new();
        for (what, guest) in steps {
            match what {
                0 | 1 => {
                    made += 1;
                    match berths.dispatch(&of(guest), (guest, made)) {
                        Boarding::Send(Lead(life), call) => {
                            let at = usize::try_from(life.number()).unwrap() - 1;
                            prop_assert_eq!(homes[at], guest);
                            settled.push(call);
                        }
                        Boarding::Full(call, _) => settled.push(call),
                        Boarding::Parked { .. } => {}
                    }
                }
                2 => {
                    homes.push(guest);
                    let waited = berths.up(of(guest), Lead(nth(homes.len())));
                    prop_assert!(waited.iter().all(|(of, _)| *of == guest));
                    settled.extend(waited);
                }
                3 => {
                    let newest = homes.iter().rposition(|of| *of == guest);
                    let life = nth(newest.map_or(0, |at| at + 1));
                    settled.extend(berths.down(&of(guest), life).failed);
                }
                _ => settled.extend(berths.leave(&Holder::Guest(guest))),
            }
        }
        settled.extend(berths.forget(&id("a")));
        let mut numbers: Vec<usize> = settled.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (1..=made).collect::<Vec<_>>());
        prop_assert!((0..3).all(|guest| !berths.is_known(&of(guest))));
    }
}

impl Waiting for (u64, usize) {
    fn is_abandoned(&self) -> bool {
        false
    }
}

/// A router for the server `a` with an instance for each session or call, and what it needs.
async fn router(isolation: Isolation) -> (RouterHandle, mpsc::UnboundedReceiver<Need>) {
    let router = RouterActor::start(3, 9).await.unwrap();
    let spec = ServerSpec { isolation, ..crate::tests::spec("a") };
    router.retune(Arc::new(spec));
    let (tell, needs) = mpsc::unbounded_channel();
    router.set_needs(Arc::new(move |need| drop(tell.send(need))));
    assert!(router.turn().await);
    (router, needs)
}

type Result = std::result::Result<Outcome, CallError>;

fn call(router: &RouterHandle, seat: Option<Seat>) -> JoinHandle<Result> {
    let params = CallParams::read(Some(&br#"{"name":"a.bare"}"#.as_slice().into())).unwrap();
    let router = router.clone();
    tokio::spawn(async move {
        let admission = Admission::local("test");
        let target = Target { server: id("a"), name: "bare".into() };
        let principal = principal_of(admission.caller());
        let tenancy = router.tenancy(&target.server, &principal, seat.as_ref());
        let call = Call { seat, ..Call::new(Box::new(params)) };
        router.call(&admission, &target, tenancy, call).await.map(|answer| answer.outcome)
    })
}

/// The base of the server is up, and takes no calls.
fn base(router: &RouterHandle) -> Peer {
    let peer = Peer::start();
    let mut link = peer.link("a", 1);
    link.holder = Holder::Nobody;
    router.server_up(link);
    peer
}

/// Gives the instance that is asked for next to its holder.
async fn grant(
    router: &RouterHandle,
    needs: &mut mpsc::UnboundedReceiver<Need>,
    number: u64,
) -> (Holder, Peer) {
    let Some(Need::Instance(wanted)) = needs.recv().await else { panic!("an instance") };
    let peer = Peer::apart();
    let mut link = peer.link("a", number);
    link.holder = wanted.holder.clone();
    router.server_up(link);
    (wanted.holder, peer)
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_session_share_an_instance_that_is_given_up_with_it() {
    let (router, mut needs) = router(Isolation::PerSession).await;
    let mut base = base(&router);
    let (first, second) = (router.seat(), router.seat());
    let waiting = call(&router, Some(first.clone()));
    let (holder, mut peer) = grant(&router, &mut needs, 1).await;
    let request = peer.read().await;
    peer.answer(&request, "1").await;
    assert_eq!(waiting.await.unwrap().unwrap(), Outcome::Result("1".into()));

    let again = call(&router, Some(first.clone()));
    let request = peer.read().await;
    peer.answer(&request, "2").await;
    assert!(again.await.unwrap().is_ok());

    let other = call(&router, Some(second));
    let (others, mut theirs) = grant(&router, &mut needs, 2).await;
    assert_ne!(others, holder);
    let request = theirs.read().await;
    theirs.answer(&request, "3").await;
    assert!(other.await.unwrap().is_ok());
    assert_eq!(needs.recv().await, Some(Need::Gone(others)), "the session had no other place");
    drop(first);
    assert_eq!(needs.recv().await, Some(Need::Gone(holder)));
    assert!(base.reads_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_a_call_is_given_up_with_the_answer_or_the_caller() {
    let (router, mut needs) = router(Isolation::PerCall).await;
    let _base = base(&router);
    let answered = call(&router, None);
    let (holder, mut peer) = grant(&router, &mut needs, 1).await;
    let request = peer.read().await;
    peer.answer(&request, "1").await;
    assert!(answered.await.unwrap().is_ok());
    assert_eq!(needs.recv().await, Some(Need::Gone(holder)));

    // One who leaves before it is there: it is asked for first and given up then, in this order.
    let left = call(&router, None);
    let Some(Need::Instance(wanted)) = needs.recv().await else { panic!("an instance") };
    left.abort();
    assert_eq!(needs.recv().await, Some(Need::Gone(wanted.holder)));
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_for_an_instance_of_a_server_that_is_down() {
    let (router, mut needs) = router(Isolation::PerSession).await;
    let spec = Arc::new(crate::tests::spec("a"));
    let cause = Some(Downfall::silent(Cause::Exited(1)));
    let outage =
        |state| Outage { state, downfall: cause.clone(), next_try: None, returning: false };
    router.server_down(Arc::clone(&spec), outage(ServerState::Failed), false);
    let refused = call(&router, Some(router.seat())).await.unwrap();
    assert!(matches!(refused, Err(CallError::Unavailable { .. })), "{refused:?}");

    router.server_down(spec, outage(ServerState::Backoff), false);
    let waiting = call(&router, None);
    assert!(router.turn().await);
    assert!(needs.try_recv().is_ok_and(|need| matches!(need, Need::Gone(_))), "of the refused one");
    assert!(needs.try_recv().is_err(), "it waits for the server itself");
    let _base = base(&router);
    let (holder, mut peer) = grant(&router, &mut needs, 1).await;
    assert_eq!(holder, Holder::Principal(crate::model::Principal::Local));
    let request = peer.read().await;
    peer.answer(&request, "1").await;
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_cannot_be_had_is_told_as_what_it_is() {
    let (router, mut needs) = router(Isolation::PerSession).await;
    let _base = base(&router);
    let seat = router.seat();
    for (reason, expected) in [
        (CallFailure::Crowded { limit: 4 }, "server `a` has 4 instances, the most it takes"),
        (
            CallFailure::Down(Box::new(Outage {
                state: ServerState::Stopped,
                downfall: Some(Downfall::silent(Cause::Exited(7))),
                next_try: None,
                returning: false,
            })),
            "server `a` is unavailable: it is stopped after it exited with code 7",
        ),
    ] {
        let refused = call(&router, Some(seat.clone()));
        let Some(Need::Instance(wanted)) = needs.recv().await else { panic!("an instance") };
        router.vacated(wanted, Generation::default(), reason);
        assert_eq!(refused.await.unwrap().unwrap_err().to_string(), expected);
    }
}

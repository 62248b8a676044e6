//! The table of routes: what becomes of calls as servers come and go.
//! Calls and lives are plain values here; carrying rulings out is the actor's business.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use conductor_config::{ServerId, ServerSpec};
use tokio::time::Instant;

use super::routes::{Life, Routes, Ruling, Timed};
use super::waiting::Waiting;
use crate::model::{Cause, Downfall, Generation, Outage, ServerState};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lead(pub(super) Generation);

impl Life for Lead {
    fn generation(&self) -> Generation {
        self.0
    }
}

#[derive(Debug, Clone)]
struct Call {
    name: u32,
    deadline: Instant,
    left: Rc<Cell<bool>>,
}

impl Timed for Call {
    fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Waiting for Call {
    fn is_abandoned(&self) -> bool {
        self.left.get()
    }
}

/// A table for one server that is used, and what belongs to it.
struct Desk {
    routes: Routes<Lead, Call>,
    server: ServerId,
    spec: Arc<ServerSpec>,
    start: Instant,
}

impl Desk {
    fn new() -> Self {
        let spec = Arc::new(crate::tests::spec("a"));
        let (server, start) = (spec.id.clone(), Instant::now());
        Self { routes: Routes::new(3), server, spec, start }
    }

    /// A call that waits for 60 s.
    fn call(&self, name: u32) -> Call {
        self.call_within(name, 60)
    }

    fn call_within(&self, name: u32, seconds: u64) -> Call {
        let deadline = self.start + Duration::from_secs(seconds);
        Call { name, deadline, left: Rc::default() }
    }

    fn dispatch(&mut self, call: Call) -> String {
        match self.routes.dispatch(&self.server, call) {
            Ruling::Send(life, call) => format!("send {} to {}", call.name, life.0),
            Ruling::Parked { wake } => if wake { "wake" } else { "parked" }.to_owned(),
            Ruling::Down(call, outage) => format!("down {} {}", call.name, outage.state.as_str()),
            Ruling::Full(call, limit) => format!("full {} {limit}", call.name),
            Ruling::NoRoute(call) => format!("no route {}", call.name),
        }
    }

    fn up(&mut self, generation: usize) -> Vec<u32> {
        let mut lives =
            std::iter::successors(Some(Generation::default()), |life| Some(life.next()));
        names(self.routes.up(&self.server, Lead(lives.nth(generation).unwrap())))
    }

    /// `next_try` in seconds from the start.
    fn outage(&self, state: ServerState, cause: Option<Cause>, next_try: Option<u64>) -> Outage {
        let next_try = next_try.map(|seconds| self.start + Duration::from_secs(seconds));
        Outage { state, downfall: cause.map(Downfall::silent), next_try, returning: false }
    }

    fn down(
        &mut self,
        state: ServerState,
        cause: Option<Cause>,
        next_try: Option<u64>,
    ) -> Vec<u32> {
        let outage = self.outage(state, cause, next_try);
        names(self.routes.down(&self.spec, outage, false).into())
    }

    fn rest(&mut self, wakeable: bool) -> Vec<u32> {
        let outage = self.outage(ServerState::Stopped, None, None);
        names(self.routes.down(&self.spec, outage, wakeable).into())
    }
}

fn names(calls: VecDeque<Call>) -> Vec<u32> {
    calls.into_iter().map(|call| call.name).collect()
}

/// What becomes of a call that waits for 60 s, while its server is in `state`.
#[track_caller]
fn check(state: ServerState, cause: Option<Cause>, next_try: Option<u64>, expected: &str) {
    let mut desk = Desk::new();
    desk.down(state, cause.clone(), next_try);
    assert_eq!(desk.dispatch(desk.call(1)), expected);
    let mut desk = Desk::new();
    desk.down(ServerState::Starting, None, None);
    desk.dispatch(desk.call(1));
    let left = desk.down(state, cause, next_try);
    let waits = expected == "parked";
    assert_eq!(left.is_empty(), waits, "one that waits already is treated as one that comes");
}

#[test]
fn an_unknown_server_has_no_route() {
    let mut desk = Desk::new();
    assert_eq!(desk.dispatch(desk.call(1)), "no route 1");
}

#[test]
fn calls_go_to_a_server_that_is_up() {
    let mut desk = Desk::new();
    assert!(desk.up(1).is_empty());
    assert_eq!(desk.dispatch(desk.call(1)), "send 1 to 1");
}

#[test]
fn calls_wait_for_a_server_that_comes_in_time_and_for_no_other() {
    check(ServerState::Starting, None, None, "parked");
    check(ServerState::Backoff, Some(Cause::Exited(1)), Some(59), "parked");
    check(ServerState::Backoff, Some(Cause::Exited(1)), Some(60), "down 1 backoff");
    check(ServerState::Starting, Some(Cause::Spawn("gone".into())), None, "down 1 starting");
    check(ServerState::Backoff, Some(Cause::Spawn("gone".into())), Some(5), "down 1 backoff");
    check(ServerState::Failed, Some(Cause::Exited(1)), Some(5), "down 1 failed");
    check(ServerState::Stopped, None, None, "down 1 stopped");
    check(ServerState::Draining, None, None, "down 1 draining");
}

#[test]
fn a_server_that_rests_is_woken_by_every_call_that_waits_for_it() {
    let mut desk = Desk::new();
    desk.rest(true);
    assert_eq!(desk.dispatch(desk.call(1)), "wake");
    assert_eq!(desk.dispatch(desk.call(2)), "wake");
    assert!(desk.down(ServerState::Starting, None, None).is_empty());
    assert_eq!(desk.dispatch(desk.call(3)), "parked");
    assert_eq!(desk.up(1), [1, 2, 3]);
    assert_eq!(desk.rest(false), [] as [u32; 0]);
    assert_eq!(desk.dispatch(desk.call(4)), "down 4 stopped");
}

#[test]
fn calls_that_waited_leave_in_the_order_they_came_and_once() {
    let mut desk = Desk::new();
    desk.down(ServerState::Starting, None, None);
    for name in 1..=3 {
        assert_eq!(desk.dispatch(desk.call(name)), "parked");
    }
    assert_eq!(desk.up(1), [1, 2, 3]);
    assert!(desk.up(2).is_empty());
}

#[test]
fn of_those_that_wait_only_those_leave_whose_time_would_be_over() {
    let mut desk = Desk::new();
    desk.down(ServerState::Starting, None, None);
    for (name, seconds) in [(1, 10), (2, 40), (3, 20)] {
        desk.dispatch(desk.call_within(name, seconds));
    }
    assert_eq!(desk.down(ServerState::Backoff, Some(Cause::Exited(1)), Some(20)), [1, 3]);
    assert_eq!(desk.up(2), [2]);
}

#[test]
fn the_queue_is_limited_and_those_who_left_make_room() {
    let mut desk = Desk::new();
    desk.down(ServerState::Starting, None, None);
    let calls: Vec<Call> = (1..=3).map(|name| desk.call(name)).collect();
    for call in &calls {
        assert_eq!(desk.dispatch(call.clone()), "parked");
    }
    assert_eq!(desk.dispatch(desk.call(4)), "full 4 3");
    calls[1].left.set(true);
    assert_eq!(desk.dispatch(desk.call(5)), "parked");
    assert_eq!(desk.dispatch(desk.call(6)), "full 6 3");
    assert_eq!(desk.up(1), [1, 3, 5]);
}

#[test]
fn news_of_an_older_life_is_ignored() {
    let mut desk = Desk::new();
    desk.up(3);
    desk.up(2);
    assert_eq!(desk.dispatch(desk.call(1)), "send 1 to 3");
    desk.down(ServerState::Starting, None, None);
    desk.dispatch(desk.call(2));
    assert!(desk.up(2).is_empty());
    assert_eq!(desk.dispatch(desk.call(3)), "parked");
    assert_eq!(desk.up(4), [2, 3]);
}

#[test]
fn a_call_refused_by_a_closed_pipe_is_held_until_there_is_news() {
    let mut desk = Desk::new();
    desk.up(1);
    assert!(desk.routes.hold(&desk.server.clone(), desk.call(1)).is_ok());
    assert_eq!(desk.down(ServerState::Draining, None, None), [1]);
    desk.routes.hold(&desk.server.clone(), desk.call(2)).unwrap();
    assert!(desk.down(ServerState::Backoff, Some(Cause::Exited(1)), Some(1)).is_empty());
    assert_eq!(desk.up(2), [2]);
    desk.routes.forget(&desk.server.clone());
    assert!(desk.routes.hold(&desk.server.clone(), desk.call(3)).is_err());
}

#[test]
fn a_forgotten_server_gives_back_those_who_wait_for_it() {
    let mut desk = Desk::new();
    desk.down(ServerState::Starting, None, None);
    desk.dispatch(desk.call(1));
    assert_eq!(names(desk.routes.forget(&desk.server.clone())), [1]);
    assert_eq!(desk.dispatch(desk.call(2)), "no route 2");
    assert!(desk.up(1).is_empty());
    assert_eq!(desk.dispatch(desk.call(3)), "send 3 to 1", "the same name may come back");
}

//! The merger with servers that the test plays, on a paused clock: when lists are read and shown.
//! What a list looks like is in `tests_views.rs`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::{CatalogReader, ListState, Memory, MergerActor, MergerHandle};
use crate::model::{ListKind, Scope, ServerState};
use crate::server::tests_peer::Peer;

const SECOND: Duration = Duration::from_secs(1);
const TTL: u64 = 300;
/// By so much chance may have a list read again before its time.
const EARLY: u64 = TTL / 10;
const ONE: &str = r#"{"tools":[{"name":"x","inputSchema":{}}]}"#;
const TWO: &str = r#"{"tools":[{"name":"x","inputSchema":{}},{"name":"y","inputSchema":{}}]}"#;

/// A merger, and what it does to one server, `a`.
struct Stage {
    merger: MergerHandle,
    reader: CatalogReader,
    peer: Peer,
    wakes: mpsc::UnboundedReceiver<conductor_config::ServerId>,
}

impl Stage {
    async fn start() -> Self {
        let (woken, wakes) = mpsc::unbounded_channel();
        let wake: crate::model::Wake = Arc::new(move |server| drop(woken.send(server)));
        let (merger, reader) =
            MergerActor::start(crate::tests::catalog(), wake, Memory::none()).await.unwrap();
        merger.retune(Arc::new(crate::tests::spec("a")));
        Self { merger, reader, peer: Peer::start(), wakes }
    }

    /// The same, with `a` up and its list read.
    async fn listed() -> Self {
        let mut stage = Self::start().await;
        stage.up(1);
        stage.serve(ONE).await;
        stage
    }

    fn up(&self, generation: u64) {
        self.merger.server_up(Arc::new(crate::tests::spec("a")), self.peer.link("a", generation));
    }

    fn down(&self, state: ServerState, wakeable: bool) {
        self.merger.server_down(crate::tests::id("a"), state, wakeable);
    }

    /// Answers the next request for the list.
    async fn serve(&mut self, list: &str) {
        let request = self.asked().await;
        self.peer.answer(&request, list).await;
        self.peer.settle().await;
    }

    async fn asked(&mut self) -> Value {
        let request = timeout(SECOND * 1000, self.peer.read()).await.expect("nobody asks");
        assert_eq!(request["method"], "tools/list");
        request
    }

    fn shown(&self) -> String {
        let catalog = self.reader.current();
        let view = catalog.view(&Scope::Workspace("default".parse().unwrap()));
        let names = view.iter().flat_map(|view| view.tools()).map(|tool| tool.name.as_str());
        names.collect::<Vec<_>>().join(" ")
    }

    async fn settle(&self) {
        self.peer.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_servers_list_is_read_when_it_comes_up_and_shown() {
    let stage = Stage::listed().await;
    assert_eq!(stage.shown(), "a.x");
}

#[tokio::test(start_paused = true)]
async fn clients_are_told_of_what_they_would_see_and_of_nothing_else() {
    let mut stage = Stage::listed().await;
    let changes = stage.reader.changes();
    let revision = *changes.borrow();
    stage.down(ServerState::Backoff, false);
    stage.up(2);
    stage.serve(ONE).await;
    assert_eq!(*changes.borrow(), revision, "a restart is invisible");
    stage.down(ServerState::Backoff, false);
    stage.up(3);
    stage.serve(TWO).await;
    assert_eq!((*changes.borrow(), stage.shown()), (revision + 1, "a.x a.y".to_owned()));
    stage.down(ServerState::Failed, false);
    stage.settle().await;
    assert_eq!((*changes.borrow(), stage.shown()), (revision + 2, String::new()));
    assert_eq!(stage.reader.current().revision(), revision + 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_once_in_its_time_to_live_however_many_look_at_it() {
    let mut stage = Stage::listed().await;
    for _ in 0..3 {
        for _ in 0..(TTL - EARLY - 1) * 10 {
            stage.reader.current();
            sleep(SECOND / 10).await;
        }
        assert!(stage.peer.reads_nothing().await, "not before its time");
        sleep(SECOND * u32::try_from(EARLY + 1).unwrap()).await;
        for _ in 0..100 {
            stage.reader.current();
        }
        stage.serve(ONE).await;
        for _ in 0..100 {
            stage.reader.current();
        }
    }
    assert!(stage.peer.reads_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn a_server_may_shorten_the_time_to_live_and_may_neither_lengthen_nor_end_it() {
    for (told, expected) in [(10_000, 10), (0, TTL), (-1, TTL), (10_000_000, TTL)] {
        let mut stage = Stage::start().await;
        stage.up(1);
        let list = format!(r#"{{"tools":[],"ttlMs":{told}}}"#);
        stage.serve(&list).await;
        let read = Instant::now();
        while timeout(SECOND / 10, stage.peer.read()).await.is_err() {
            stage.reader.current();
        }
        let elapsed = read.elapsed().as_secs();
        assert!((expected * 9 / 10..=expected).contains(&elapsed), "{told}: {elapsed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_nobody_looks_at_is_not_read_again() {
    let mut stage = Stage::listed().await;
    sleep(SECOND * 10_000).await;
    assert!(stage.peer.reads_nothing().await);
    assert_eq!(stage.shown(), "a.x", "served as it is, and read anew behind the reader's back");
    stage.serve(TWO).await;
    assert_eq!(stage.shown(), "a.x a.y");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_holds_up_no_reader() {
    let mut stage = Stage::listed().await;
    let begun = Instant::now();
    for minute in 0..60 {
        assert_eq!(stage.shown(), "a.x", "minute {minute}");
        sleep(SECOND * 60).await;
    }
    assert_eq!(begun.elapsed(), SECOND * 3600);
    let mut asked = 0;
    while let Ok(request) = timeout(SECOND, stage.peer.read()).await {
        asked += usize::from(request["method"] == "tools/list");
    }
    assert!((10..=70).contains(&asked), "{asked} questions in an hour");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_changes_is_answered_with_two_questions_a_second_at_most() {
    let mut stage = Stage::listed().await;
    let mut asked = 0;
    let begun = Instant::now();
    while begun.elapsed() < SECOND * 10 {
        for _ in 0..50 {
            stage
                .peer
                .say(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#)
                .await;
        }
        if let Ok(request) = timeout(SECOND / 100, stage.peer.read()).await {
            asked += 1;
            stage.peer.answer(&request, ONE).await;
        }
    }
    assert!((10..=21).contains(&asked), "{asked} questions in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_change_during_a_question_is_followed_by_another_question() {
    let mut stage = Stage::listed().await;
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    stage.peer.say(changed).await;
    let first = stage.asked().await;
    sleep(SECOND).await;
    stage.peer.say(changed).await;
    assert!(stage.peer.reads_nothing().await, "one question at a time");
    stage.peer.answer(&first, ONE).await;
    stage.serve(TWO).await;
    assert_eq!(stage.shown(), "a.x a.y");
    assert!(stage.peer.reads_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_is_asked_again_ever_more_rarely() {
    let mut stage = Stage::start().await;
    stage.up(1);
    let mut waits = Vec::new();
    let mut last = Instant::now();
    for _ in 0..9 {
        let request = stage.asked().await;
        waits.push(last.elapsed().as_secs());
        last = Instant::now();
        let id = &request["id"];
        let refusal =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":1,"message":"no"}}}}"#);
        stage.peer.say(&refusal).await;
    }
    assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
    stage.serve(ONE).await;
    assert_eq!(stage.shown(), "a.x");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_tools_is_known_to_have_none() {
    let mut stage = Stage::start().await;
    stage.up(1);
    let id = stage.asked().await["id"].clone();
    let refusal = r#""error":{"code":-32601,"message":"no such method"}"#;
    stage.peer.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},{refusal}}}"#)).await;
    stage.settle().await;
    let catalog = stage.reader.current();
    let view = catalog.view(&Scope::Server(crate::tests::id("a"))).unwrap();
    assert_eq!(
        view.list(ListKind::Tools).servers().values().collect::<Vec<_>>(),
        [&ListState::Known]
    );
    assert!(stage.peer.reads_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_an_older_life_is_ignored() {
    let mut stage = Stage::start().await;
    stage.up(1);
    let request = stage.asked().await;
    let mut old = std::mem::replace(&mut stage.peer, Peer::start());
    stage.down(ServerState::Backoff, false);
    stage.up(2);
    stage.serve(TWO).await;
    old.answer(&request, ONE).await;
    stage.settle().await;
    assert_eq!(stage.shown(), "a.x a.y");
}

#[tokio::test(start_paused = true)]
async fn pages_are_read_to_their_end_and_a_cursor_given_twice_is_one() {
    let mut stage = Stage::start().await;
    stage.up(1);
    let page = |name: &str| {
        format!(r#"{{"tools":[{{"name":"{name}","inputSchema":{{}}}}],"nextCursor":"more"}}"#)
    };
    stage.serve(&page("x")).await;
    let request = stage.asked().await;
    assert_eq!(request["params"]["cursor"], "more");
    stage.peer.answer(&request, &page("y")).await;
    stage.settle().await;
    assert_eq!(stage.shown(), "a.x a.y");
    assert_eq!(stage.reader.current().rejected()[&crate::tests::id("a")].len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_needs_a_complete_list_waits_for_it_within_limits() {
    let mut stage = Stage::start().await;
    stage.down(ServerState::Stopped, true);
    stage.settle().await;
    let scope = Scope::Workspace("default".parse().unwrap());
    let begun = Instant::now();
    stage.reader.settled(&scope, ListKind::Tools, SECOND * 5).await;
    assert_eq!(begun.elapsed(), SECOND * 5);
    assert_eq!(stage.wakes.recv().await, Some(crate::tests::id("a")));
    let reader = stage.reader.clone();
    let waiting =
        tokio::spawn(async move { reader.settled(&scope, ListKind::Tools, SECOND * 100).await });
    stage.up(1);
    stage.serve(ONE).await;
    timeout(SECOND, waiting).await.expect("the list is known").unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_server_whose_first_start_failed() {
    let stage = Stage::start().await;
    stage.down(ServerState::Starting, false);
    stage.down(ServerState::Backoff, false);
    stage.settle().await;
    let scope = Scope::Workspace("default".parse().unwrap());
    let begun = Instant::now();
    stage.reader.settled(&scope, ListKind::Tools, SECOND * 5).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_no_more_is_not_shown() {
    let stage = Stage::listed().await;
    stage.merger.forget(crate::tests::id("a"));
    stage.settle().await;
    assert_eq!(stage.shown(), "");
    assert!(stage.reader.current().view(&Scope::Server(crate::tests::id("a"))).is_none());
}

#[tokio::test(start_paused = true)]
async fn while_a_server_is_down_readers_leave_the_merger_alone() {
    let stage = Stage::listed().await;
    stage.down(ServerState::Backoff, false);
    sleep(SECOND * 1000).await;
    for _ in 0..10 {
        assert_eq!(stage.shown(), "a.x");
    }
    assert!(
        !stage.reader.shelf.nudged.load(std::sync::atomic::Ordering::Relaxed),
        "there is nobody to ask"
    );
}

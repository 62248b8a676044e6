//! The audience with keepers that the test plays: who hears what they tell, and when wishes are
//! published.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::handle::{AudienceHandle, Command, principal_of};
use super::line::{Heard, Inbox, inbox};
use crate::credentials::Secrets;
use crate::delegation::{Caller, LocalCaller};
use crate::model::{Callers, Holder, LogMessage, Notice, Principal, Reach, Settled, Told};
use crate::tests::shared;
use crate::wire::LogLevel;

struct Stage(AudienceHandle);

impl Stage {
    async fn join(&self, listener: u64, principal: Principal) -> Inbox {
        self.join_at(true, listener, principal).await
    }

    /// At a merged door or not.
    async fn join_at(&self, merged: bool, listener: u64, principal: Principal) -> Inbox {
        let reach = Reach::Workspace("default".parse().unwrap());
        let logs = true;
        let who = (principal.clone(), Holder::Principal(principal));
        self.0.send(Command::Join { id: listener, who, reach, logs, merged }).await;
        let (ends, inbox) = inbox();
        self.0.send(Command::Hear { id: listener, ends }).await;
        inbox
    }

    async fn subscribe(&self, listener: u64, own: &str) -> oneshot::Receiver<Settled> {
        let (reply, settled) = oneshot::channel();
        let asked = format!("asked:{own}").into();
        let (of, own) = (shared("a"), own.into());
        self.0.send(Command::Subscribe { id: listener, of, own, asked, reply }).await;
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            if let Ok(Ok(settled)) = settled.await {
                let _ = sender.send(settled);
            }
        });
        receiver
    }

    /// Tells it something after all that was asked of it before.
    async fn tell(&self, told: Told) {
        self.0.set_level(u64::MAX, LogLevel::Info).await;
        self.0.hearing().told.send((shared("a"), told)).await.unwrap();
    }

    /// What is wanted of the server `a`, in short.
    fn wanted(&self) -> String {
        let wish = self.0.hearing().wishes.borrow().of(&shared("a"));
        let resources: Vec<&str> = wish.resources.iter().map(|own| &**own).collect();
        let level = wish.level.map_or("-", LogLevel::as_str);
        format!("{} {level}", resources.join(","))
    }

    async fn until_wanted(&self, expected: &str) {
        let mut wishes = self.0.hearing().wishes;
        let there = async {
            while self.wanted() != expected {
                wishes.changed().await.unwrap();
            }
        };
        timeout(Duration::from_secs(5), there)
            .await
            .unwrap_or_else(|_| panic!("{}", self.wanted()));
    }
}

async fn heard(inbox: &mut Inbox) -> String {
    match timeout(Duration::from_secs(1), inbox.next()).await {
        Ok(Some(Heard::Updated(shown))) => shown.to_string(),
        Ok(Some(Heard::Logged(params))) => String::from_utf8(params.to_vec()).unwrap(),
        Ok(Some(Heard::Noticed(line))) => String::from_utf8(line.to_vec()).unwrap(),
        Ok(Some(Heard::Visited(id))) => format!("visited {id}"),
        Ok(Some(Heard::Task { shown, news })) => format!("{shown} {news:?}"),
        Ok(None) => "the end".to_owned(),
        Err(_) => "nothing".to_owned(),
    }
}

fn logged(callers: Callers) -> Told {
    let params = br#"{"level":"error","data":1}"#.as_slice().into();
    Told::Logged(vec![LogMessage { level: LogLevel::Error, params, callers }])
}

#[tokio::test(start_paused = true)]
async fn a_wish_is_published_settled_and_forgotten_with_its_listener() {
    let stage = Stage(AudienceHandle::start());
    let mut one = stage.join(1, Principal::Local).await;
    let mut two = stage.join(2, Principal::Local).await;
    let first = stage.subscribe(1, "n:/a").await;
    stage.until_wanted("n:/a -").await;
    stage.tell(Told::Began { logs: true, secrets: Secrets::default() }).await;
    stage.tell(Told::Settled { address: "n:/a".into(), settled: Settled::Kept }).await;
    assert_eq!(first.await, Ok(Settled::Kept));
    assert_eq!(stage.subscribe(2, "n:/a").await.await, Ok(Settled::Kept), "known by now");
    stage.tell(Told::Updated(vec!["n:/a".into()])).await;
    assert_eq!(heard(&mut one).await, "asked:n:/a");
    assert_eq!(heard(&mut two).await, "asked:n:/a");
    stage.0.leave(1);
    stage.0.leave(2);
    stage.until_wanted(" -").await;
    assert_eq!(heard(&mut one).await, "the end");
}

#[tokio::test(start_paused = true)]
async fn wishes_outlive_the_life_of_a_server_and_are_settled_anew() {
    let stage = Stage(AudienceHandle::start());
    let mut inbox = stage.join(1, Principal::Local).await;
    let waiting = stage.subscribe(1, "n:/a").await;
    stage.tell(Told::Began { logs: false, secrets: Secrets::default() }).await;
    stage.tell(Told::Settled { address: "n:/a".into(), settled: Settled::Kept }).await;
    waiting.await.unwrap();
    stage.tell(Told::Ended).await;
    stage.tell(Told::Began { logs: false, secrets: Secrets::default() }).await;
    assert_eq!(stage.wanted(), "n:/a -");
    let again = stage.subscribe(1, "n:/a").await;
    stage.tell(Told::Settled { address: "n:/a".into(), settled: Settled::Kept }).await;
    assert_eq!(again.await, Ok(Settled::Kept), "asked in the new life");
    stage.tell(Told::AllUpdated).await;
    assert_eq!(heard(&mut inbox).await, "asked:n:/a");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_holds_until_nobody_wants_it_any_more() {
    let stage = Stage(AudienceHandle::start());
    let _inbox = stage.join(1, Principal::Local).await;
    stage.tell(Told::Began { logs: false, secrets: Secrets::default() }).await;
    let first = stage.subscribe(1, "n:/a").await;
    let refused = Settled::Refused("{}".into());
    stage.tell(Told::Settled { address: "n:/a".into(), settled: refused.clone() }).await;
    assert_eq!(first.await, Ok(refused.clone()));
    assert_eq!(stage.subscribe(1, "n:/a").await.await, Ok(refused));
    stage.0.send(Command::Unsubscribe { id: 1, asked: "asked:n:/a".into() }).await;
    stage.until_wanted(" -").await;
    let mut again = stage.subscribe(1, "n:/a").await;
    stage.until_wanted("n:/a -").await;
    assert!(again.try_recv().is_err(), "the server is asked again");
}

#[tokio::test(start_paused = true)]
async fn a_level_is_set_when_the_servers_that_are_up_know_of_it() {
    let stage = Stage(AudienceHandle::start());
    let _inbox = stage.join(1, Principal::Local).await;
    stage.tell(Told::Began { logs: true, secrets: Secrets::default() }).await;
    let begun = Instant::now();
    let audience = stage.0.clone();
    let setting = tokio::spawn(async move { audience.set_level(1, LogLevel::Debug).await });
    stage.until_wanted(" debug").await;
    assert!(!setting.is_finished());
    stage.tell(Told::LevelSet(LogLevel::Debug)).await;
    setting.await.unwrap();
    assert_eq!(begun.elapsed().as_millis(), 0);
    // A server that does not answer holds up nobody for long.
    stage.0.set_level(1, LogLevel::Info).await;
    assert_eq!(begun.elapsed().as_secs(), 2);
    // One that is gone holds up nobody at all.
    stage.tell(Told::Ended).await;
    stage.0.set_level(1, LogLevel::Alert).await;
    assert_eq!(begun.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_call_wants_raises_the_level_for_a_minute() {
    let stage = Stage(AudienceHandle::start());
    stage.0.lend(shared("a"), LogLevel::Debug).await;
    assert_eq!(stage.wanted(), " debug");
    stage.0.lend(shared("a"), LogLevel::Info).await;
    tokio::time::sleep(Duration::from_secs(80)).await;
    assert_eq!(stage.wanted(), " -");
}

#[tokio::test(start_paused = true)]
async fn log_messages_of_no_call_reach_one_principal_or_nobody() {
    let stage = Stage(AudienceHandle::start());
    let mut ours = stage.join(1, Principal::Local).await;
    stage.tell(logged(Callers::Only(Principal::Local))).await;
    assert_eq!(heard(&mut ours).await, r#"{"level":"error","data":1}"#);
    stage.tell(logged(Callers::Several)).await;
    assert_eq!(heard(&mut ours).await, "nothing");
    let mut theirs = stage.join(2, Principal::Delegated("acme".into())).await;
    stage.tell(logged(Callers::Nobody)).await;
    stage.tell(logged(Callers::Only(Principal::Local))).await;
    assert_eq!(heard(&mut ours).await, "nothing");
    assert_eq!(heard(&mut theirs).await, "nothing");
}

#[tokio::test(start_paused = true)]
async fn notifications_of_extensions_reach_one_principal_at_the_servers_own_door() {
    let stage = Stage(AudienceHandle::start());
    let mut ours = stage.join_at(false, 1, Principal::Local).await;
    let mut again = stage.join_at(false, 2, Principal::Local).await;
    let mut merged = stage.join(3, Principal::Local).await;
    let notice = |line: &'static str, callers| Told::Noticed(Notice { line: line.into(), callers });
    stage.tell(notice("one", Callers::Only(Principal::Local))).await;
    stage.tell(notice("two", Callers::Several)).await;
    stage.tell(notice("three", Callers::Only(Principal::User(7)))).await;
    for inbox in [&mut ours, &mut again] {
        assert_eq!((heard(inbox).await, heard(inbox).await), ("one".into(), "nothing".into()));
    }
    assert_eq!(heard(&mut merged).await, "nothing");
    let mut theirs = stage.join_at(false, 4, Principal::User(7)).await;
    stage.tell(notice("four", Callers::Nobody)).await;
    for inbox in [&mut ours, &mut theirs] {
        assert_eq!(heard(inbox).await, "nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_visit_is_named_after_its_server_where_there_are_several() {
    let stage = Stage(AudienceHandle::start());
    for (listener, merged, shown) in [(1, false, "visited e"), (2, true, "visited a:e")] {
        let mut inbox = stage.join_at(merged, listener, Principal::Local).await;
        let visits = vec!["e".into()];
        stage.0.send(Command::AwaitVisits { id: listener, of: shared("a"), visits }).await;
        stage.tell(Told::Visited { id: "e".into(), heard: false }).await;
        assert_eq!(heard(&mut inbox).await, shown);
    }
}

/// Fifty listeners of two principals, each with one resource of its own and one in common.
#[tokio::test(start_paused = true)]
async fn many_listeners_hear_what_they_asked_for_and_nothing_else() {
    let stage = Stage(AudienceHandle::start());
    stage.tell(Told::Began { logs: false, secrets: Secrets::default() }).await;
    let mut inboxes = Vec::new();
    for listener in 0..50 {
        let acme = Principal::Delegated("acme".into());
        let principal = if listener % 2 == 0 { Principal::Local } else { acme };
        inboxes.push(stage.join(listener, principal).await);
        stage.subscribe(listener, &format!("n:/{listener}")).await;
        stage.subscribe(listener, "n:/all").await;
    }
    for _ in 0..20 {
        for listener in 0..50 {
            stage.tell(Told::Updated(vec![format!("n:/{listener}").into()])).await;
        }
        stage.tell(Told::Updated(vec!["n:/all".into(), "n:/none".into()])).await;
    }
    for (listener, inbox) in inboxes.iter_mut().enumerate() {
        let mut all = Vec::new();
        loop {
            match heard(inbox).await.as_str() {
                "nothing" => break,
                one => all.push(one.to_owned()),
            }
        }
        let own = format!("asked:n:/{listener}");
        assert!(all.contains(&own) && all.contains(&"asked:n:/all".to_owned()), "{all:?}");
        assert!(all.iter().all(|one| *one == own || one == "asked:n:/all"), "{all:?}");
    }
}

#[test]
fn a_principal_is_the_user_and_not_the_door() {
    let local = |label: &str| principal_of(&Caller::Local(LocalCaller::new(label)));
    let user = |uid| principal_of(&Caller::Local(LocalCaller::new("unix").of_user(uid)));
    assert_eq!(local("http"), local("stdio"));
    assert_eq!(user(7), user(7));
    assert_ne!(user(7), user(8));
    assert_ne!(user(7), local("unix"));
    assert_eq!((local("http").to_string(), user(7).to_string()), ("local".into(), "uid 7".into()));
}

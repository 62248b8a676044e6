//! Sessions that are written, found again, and forgotten, on a real store.
//! What a client sees of it is tested end to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::{KeptSessions, Recorded, SessionKey, SessionRecord};
use crate::model::{Principal, Scope};
use crate::store::{Kind, SqliteStore, Store, WallClock};
use crate::wire::LogLevel;

const HOUR: Duration = Duration::from_secs(3600);
const NOON: i64 = 1_790_000_000_000;

fn record(door: &str, used: i64) -> SessionRecord {
    SessionRecord {
        door: door.into(),
        principal: Principal::Local,
        scope: Scope::Server("lab/git".parse().unwrap()),
        version: "2025-11-25".into(),
        client: Some("a \"client\"".into()),
        capabilities: r#"{"roots":{}, "x":1.50}"#.into(),
        level: Some(LogLevel::Debug),
        resources: vec!["n:/a".into(), "n:/\"b\"".into()],
        used,
    }
}

struct Session {
    id: &'static str,
    record: SessionRecord,
    ended: AtomicBool,
}

impl Recorded for Session {
    fn key(&self) -> SessionKey {
        SessionKey::of(self.id)
    }

    fn record(&self) -> Option<SessionRecord> {
        (!self.ended.load(Ordering::Acquire)).then(|| self.record.clone())
    }
}

fn session(id: &'static str, record: SessionRecord) -> Arc<Session> {
    Arc::new(Session { id, record, ended: AtomicBool::new(false) })
}

async fn store() -> Arc<dyn Store> {
    Arc::new(SqliteStore::in_memory(WallClock::system()).await.unwrap())
}

async fn at(store: &Arc<dyn Store>, now: i64) -> KeptSessions {
    let nanos = u64::try_from(now).unwrap() * 1_000_000;
    KeptSessions::load_at(store, HOUR, WallClock::new(move || nanos)).await
}

async fn ids(store: &Arc<dyn Store>) -> Vec<String> {
    let documents = store.list(Kind::Session).await.unwrap();
    documents.into_iter().map(|document| document.key).collect()
}

#[tokio::test]
async fn a_session_is_found_again_at_its_door_once() {
    let store = store().await;
    let kept = at(&store, NOON).await;
    kept.settle(session("secret", record("http", NOON))).await;
    assert_eq!(kept.found("http"), [], "it is not of an earlier run");
    let next = at(&store, NOON).await;
    assert_eq!(next.found("listen.unix"), []);
    assert_eq!(next.found("http"), [(SessionKey::of("secret"), record("http", NOON))]);
    assert_eq!(next.found("http"), []);
}

#[tokio::test]
async fn the_store_holds_no_id_that_could_be_shown() {
    let store = store().await;
    let kept = at(&store, NOON).await;
    kept.settle(session("secret", record("http", NOON))).await;
    let all = store.list(Kind::Session).await.unwrap();
    assert_eq!(all[0].key, SessionKey::of("secret").to_string());
    assert!(!String::from_utf8_lossy(&all[0].body).contains("secret"));
    let next = at(&store, NOON).await;
    let shown = next.found("http")[0].0;
    assert_ne!(SessionKey::of(&shown.to_string()), shown, "nor does the key open anything");
}

#[tokio::test]
async fn one_that_has_ended_is_removed_whatever_was_wished_before() {
    let store = store().await;
    let kept = at(&store, NOON).await;
    let (a, b) = (session("a", record("http", NOON)), session("b", record("http", NOON)));
    kept.settle_all(vec![a.clone(), b]).await;
    a.ended.store(true, Ordering::Release);
    kept.settle(a.clone()).await;
    assert_eq!(ids(&store).await, [SessionKey::of("b").to_string()]);
    kept.settle(a).await;
    assert_eq!(ids(&store).await.len(), 1, "a late wish brings none back");
}

#[tokio::test]
async fn what_is_too_old_unreadable_or_too_large_is_forgotten() {
    let store = store().await;
    let kept = at(&store, NOON).await;
    kept.settle(session("old", record("http", NOON - 4_050_001))).await;
    kept.settle(session("just", record("http", NOON - 4_050_000))).await;
    let capabilities = format!("{{\"x\":\"{}\"}}", "x".repeat(256 * 1024)).into();
    let large = SessionRecord { capabilities, ..record("http", NOON) };
    kept.settle(session("large", large)).await;
    store.put(Kind::Session, "odd".into(), b"{}".to_vec()).await.unwrap();
    let theirs = String::from_utf8(record("http", NOON).written()).unwrap();
    let theirs = theirs.replace("\"local\"", "\"robot 7\"").into_bytes();
    store.put(Kind::Session, SessionKey::of("theirs").to_string(), theirs).await.unwrap();
    let next = at(&store, NOON).await;
    let found: Vec<SessionKey> = next.found("http").into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, [SessionKey::of("just")]);
    next.settle(session("new", record("http", NOON))).await;
    let mut left = ["just", "new"].map(|id| SessionKey::of(id).to_string());
    left.sort();
    assert_eq!(ids(&store).await, left);
}

/// What was written before it was written whose a session is.
#[tokio::test]
async fn an_older_record_is_of_the_user_at_the_door_where_there_was_no_other() {
    let store = store().await;
    for door in ["http", "listen.unix"] {
        let written = String::from_utf8(record(door, NOON).written()).unwrap();
        let older = written.replace(r#""of":"local""#, r#""principal":"local""#);
        assert_ne!(older, written);
        let key = SessionKey::of(door).to_string();
        store.put(Kind::Session, key, older.into_bytes()).await.unwrap();
    }
    let next = at(&store, NOON).await;
    assert_eq!(next.found("http"), [(SessionKey::of("http"), record("http", NOON))]);
    assert_eq!(next.found("listen.unix"), [], "anybody's who got to the socket");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_holds_nobody_up_for_ever() {
    let sqlite = SqliteStore::in_memory(WallClock::system()).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(sqlite.clone());
    let kept = at(&store, NOON).await;
    sqlite.close().await.unwrap();
    kept.settle(session("a", record("http", NOON))).await;
    kept.settle_all(vec![session("a", record("http", NOON))]).await;
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        door in "\\PC{0,20}",
        at in 0_usize..3,
        resources in prop::collection::vec("\\PC{0,30}", 0..5),
        client in proptest::option::of(".{0,10}"),
        level in 0..=LogLevel::ALL.len(),
        uid in any::<u32>(),
        delegator in "\\PC{0,20}",
        used in any::<i64>(),
    ) {
        let scopes = [
            Scope::Workspace("lab".parse().unwrap()),
            Scope::Server("default/git".parse().unwrap()),
            Scope::View("sockets.part".into()),
        ];
        let principals =
            [Principal::Local, Principal::User(uid), Principal::Delegated(delegator.into())];
        let record = SessionRecord {
            principal: principals[at].clone(),
            scope: scopes[at].clone(),
            level: LogLevel::ALL.get(level).copied(),
            client: client.map(Into::into),
            resources,
            ..record(&door, used)
        };
        prop_assert_eq!(SessionRecord::read(record.written()), Some(record));
    }

    #[test]
    fn a_key_is_read_as_it_is_shown_and_nothing_else_is(id in ".*", other in "\\PC{0,70}") {
        let key = SessionKey::of(&id);
        prop_assert_eq!(SessionKey::read(&key.to_string()), Some(key));
        if let Some(read) = SessionKey::read(&other) {
            prop_assert_eq!(read.to_string(), other.to_lowercase());
        }
    }
}

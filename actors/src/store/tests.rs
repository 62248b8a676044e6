//! The store from outside, on real files, and its database where a fault has to be made.
//! The directory and the files beside the database are in `tests_files.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::database::Database;
use super::migrations::{MIGRATIONS, MigrateError, inspect, migrate};
use super::{Kind, OpenError, SqliteStore, StateDir, Store, StoreError, WallClock};

const NOON: u64 = 1_790_000_000_000_000_000;

fn clock() -> WallClock {
    WallClock::new(|| NOON)
}

/// A fresh directory, claimed; the first part removes it when dropped.
fn claimed() -> (TempDir, StateDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::claim(&temp.path().join("state")).unwrap();
    (temp, dir)
}

async fn open(dir: &StateDir) -> SqliteStore {
    SqliteStore::open(dir, clock()).await.unwrap()
}

async fn bodies(store: &SqliteStore, kind: Kind) -> Vec<String> {
    let documents = store.list(kind).await.unwrap();
    documents.iter().map(|d| format!("{}={}", d.key, String::from_utf8_lossy(&d.body))).collect()
}

async fn put(store: &SqliteStore, kind: Kind, key: &str, body: &str) {
    store.put(kind, key.to_owned(), body.into()).await.unwrap();
}

fn memory() -> Database {
    let connection = Connection::open_in_memory().unwrap();
    Database::prepare(connection, PathBuf::from(":memory:"), clock()).unwrap()
}

/// What a failed opening of these bytes as a database says; the file must stay as it was.
async fn refusal(make: impl FnOnce(&Path)) -> OpenError {
    let (_temp, dir) = claimed();
    let path = dir.path().join("store.db");
    make(&path);
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&dir, clock()).await.unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), before, "a refused file is left alone");
    assert!(error.to_string().contains("store.db"), "{error} does not name the file");
    error
}

#[tokio::test]
async fn a_new_database_is_whole_in_its_file_before_a_change_is_acknowledged() {
    let (temp, dir) = claimed();
    let store = open(&dir).await;
    put(&store, Kind::Pin, "a", "1").await;
    // Without the log beside it, of which a power cut may leave anything.
    let alone = temp.path().join("alone.db");
    fs::copy(dir.path().join("store.db"), &alone).unwrap();
    let alone = Connection::open(alone).unwrap();
    assert_eq!(inspect(&alone, MIGRATIONS).unwrap(), i64::try_from(MIGRATIONS.len()).unwrap());
    assert_eq!(bodies(&store, Kind::Pin).await, ["a=1"]);
}

#[tokio::test]
async fn a_document_is_read_back_as_it_was_put() {
    let store = SqliteStore::in_memory(clock()).await.unwrap();
    let body = vec![0, 159, 146, 150, b'\'', 0];
    store.put(Kind::Pin, "weather.get\u{0}'--".into(), body.clone()).await.unwrap();
    let document = store.get(Kind::Pin, "weather.get\u{0}'--".into()).await.unwrap().unwrap();
    assert_eq!((document.body, document.updated_at), (body, 1_790_000_000_000));
    assert_eq!(store.get(Kind::Pin, "weather".into()).await.unwrap(), None);
}

#[tokio::test]
async fn kinds_do_not_see_each_other() {
    let store = SqliteStore::in_memory(clock()).await.unwrap();
    for kind in Kind::ALL {
        put(&store, kind, "same", kind.name()).await;
    }
    assert!(store.delete(Kind::Era, "same".into()).await.unwrap());
    assert!(!store.delete(Kind::Era, "same".into()).await.unwrap());
    store.replace_all(Kind::Pin, vec![]).await.unwrap();
    for kind in Kind::ALL {
        let gone = matches!(kind, Kind::Era | Kind::Pin);
        let expected = if gone { vec![] } else { vec![format!("same={kind}")] };
        assert_eq!(bodies(&store, kind).await, expected, "{kind}");
    }
}

#[tokio::test]
async fn a_closed_store_is_found_again_in_one_file() {
    let (_temp, dir) = claimed();
    let store = open(&dir).await;
    put(&store, Kind::Catalogue, "git", "old").await;
    put(&store, Kind::Catalogue, "git", "new").await;
    let clone = store.clone();
    store.close().await.unwrap();
    assert!(!dir.path().join("store.db-wal").exists());

    let refused = clone.get(Kind::Catalogue, "git".into()).await;
    assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    assert!(matches!(clone.close().await, Err(StoreError::Closed)));
    assert_eq!(bodies(&open(&dir).await, Kind::Catalogue).await, ["git=new"]);
}

#[tokio::test]
async fn what_was_acknowledged_is_on_disk_without_closing() {
    let (_temp, dir) = claimed();
    let (_other_temp, other) = claimed();
    let store = open(&dir).await;
    put(&store, Kind::Counter, "calls", "16").await;
    // The files as a kill -9 at this moment would leave them.
    for file in ["store.db", "store.db-wal"] {
        fs::copy(dir.path().join(file), other.path().join(file)).unwrap();
    }
    assert_eq!(bodies(&open(&other).await, Kind::Counter).await, ["calls=16"]);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_from_many_tasks_all_arrive() {
    let (_temp, dir) = claimed();
    let store = open(&dir).await;
    let mut tasks = JoinSet::new();
    for task in 0..40 {
        let store = store.clone();
        tasks.spawn(async move {
            for turn in 0..5 {
                put(&store, Kind::Session, &format!("{task:02}"), &turn.to_string()).await;
            }
        });
    }
    tasks.join_all().await;
    let expected: Vec<_> = (0..40).map(|task| format!("{task:02}=4")).collect();
    assert_eq!(bodies(&store, Kind::Session).await, expected);
    store.close().await.unwrap();
}

#[tokio::test]
async fn database_files_are_for_their_owner_only() {
    let (_temp, dir) = claimed();
    let path = dir.path().join("store.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = open(&dir).await;
    put(&store, Kind::Pin, "a", "b").await;
    let modes = ["store.db", "store.db-wal", "store.db-shm", "lock"]
        .map(|file| fs::metadata(dir.path().join(file)).unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o600; 4]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let error = refusal(|path| fs::write(path, "hello, this is no database. ".repeat(99)).unwrap());
    let error = error.await;
    assert!(matches!(error, OpenError::Store(StoreError::Corrupt { .. })), "{error:?}");
}

#[tokio::test]
async fn a_database_with_a_broken_page_is_refused() {
    let error = refusal(|path| {
        {
            let mut database =
                Database::prepare(Connection::open(path).unwrap(), path.into(), clock()).unwrap();
            database.put(Kind::Catalogue, "big", &vec![7; 40_000]).unwrap();
            database.close().unwrap();
        }
        let mut bytes = fs::read(path).unwrap();
        bytes[4096..12_288].fill(0xEE);
        fs::write(path, bytes).unwrap();
    });
    let error = error.await;
    assert!(matches!(error, OpenError::Store(StoreError::Corrupt { .. })), "{error:?}");
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let error = refusal(|path| {
        let mut connection = Connection::open(path).unwrap();
        migrate(&mut connection, super::migrations::MIGRATIONS).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
    });
    let error = error.await;
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let error = refusal(|path| {
        Connection::open(path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    });
    let error = error.await;
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
}

#[test]
fn steps_are_taken_once_and_in_order() {
    let steps =
        ["CREATE TABLE log (n)", "INSERT INTO log VALUES (2)", "INSERT INTO log VALUES (3)"];
    let mut connection = Connection::open_in_memory().unwrap();
    for end in 0..=steps.len() {
        migrate(&mut connection, &steps[..end]).unwrap();
        migrate(&mut connection, &steps[..end]).unwrap();
        assert_eq!(inspect(&connection, &steps).unwrap(), i64::try_from(end).unwrap());
    }
    let sum: i64 = connection.query_row("SELECT sum(n) FROM log", [], |row| row.get(0)).unwrap();
    assert_eq!(sum, 5);
}

#[test]
fn a_failed_step_leaves_the_version_before_it() {
    let good = "CREATE TABLE a (n)";
    let mut connection = Connection::open_in_memory().unwrap();
    let failed = migrate(&mut connection, &[good, "CREATE TABLE b (n); CREATE TABLE a (n)"]);
    assert!(matches!(failed, Err(MigrateError::Step { version: 2, .. })), "{failed:?}");
    assert_eq!(inspect(&connection, &[good, good]).unwrap(), 1);
    migrate(&mut connection, &[good, "CREATE TABLE b (n)"]).unwrap();
}

#[test]
fn a_full_disk_is_told_and_changes_nothing() {
    let mut database = memory();
    database.put(Kind::Era, "kept", b"v1").unwrap();
    database.connection.pragma_update(None, "max_page_count", 10).unwrap();
    let big = vec![0; 1 << 20];
    let put = database.put(Kind::Era, "big", &big);
    assert!(matches!(put, Err(StoreError::Full { .. })), "{put:?}");
    let replaced = database.replace_all(Kind::Era, &[("a".into(), vec![]), ("b".into(), big)]);
    assert!(matches!(replaced, Err(StoreError::Full { .. })), "{replaced:?}");
    let keys: Vec<_> = database.list(Kind::Era).unwrap().into_iter().map(|d| d.key).collect();
    assert_eq!(keys, ["kept"]);
    database.put(Kind::Era, "small", b"fits").unwrap();
}

#[test]
fn a_read_only_database_is_told() {
    let mut database = memory();
    database.connection.pragma_update(None, "query_only", true).unwrap();
    let put = database.put(Kind::Era, "a", b"");
    assert!(matches!(put, Err(StoreError::ReadOnly { .. })), "{put:?}");
}

#[tokio::test]
async fn the_thread_ends_with_the_last_handle_and_frees_the_directory() {
    let (_temp, dir) = claimed();
    let path = dir.path().to_owned();
    let store = open(&dir).await;
    drop(dir);
    assert!(StateDir::claim(&path).is_err(), "the open store holds the lock");
    drop(store);
    let freed = async {
        while StateDir::claim(&path).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn once_closed_the_directory_is_free() {
    let (_temp, dir) = claimed();
    let path = dir.path().to_owned();
    let store = open(&dir).await;
    drop(dir);
    store.close().await.unwrap();
    StateDir::claim(&path).unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_told() {
    let (_temp, dir) = claimed();
    fs::create_dir(dir.path().join("store.db")).unwrap();
    let error = SqliteStore::open(&dir, clock()).await.unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error:?}");
}

#[tokio::test]
async fn each_write_carries_its_own_time() {
    let ticks = AtomicU64::new(0);
    let clock = WallClock::new(move || ticks.fetch_add(1_000_000, Ordering::Relaxed));
    let store = SqliteStore::in_memory(clock).await.unwrap();
    put(&store, Kind::Era, "a", "").await;
    put(&store, Kind::Era, "b", "").await;
    put(&store, Kind::Era, "a", "").await;
    let times: Vec<_> =
        store.list(Kind::Era).await.unwrap().into_iter().map(|d| (d.key, d.updated_at)).collect();
    assert_eq!(times, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replacing_all_leaves_exactly_what_was_given(
        before in documents(), after in documents(),
    ) {
        let mut database = memory();
        database.replace_all(Kind::Pin, &before).unwrap();
        database.replace_all(Kind::Pin, &after).unwrap();
        let found: Vec<_> =
            database.list(Kind::Pin).unwrap().into_iter().map(|d| (d.key, d.body)).collect();
        let expected: std::collections::BTreeMap<_, _> = after.into_iter().collect();
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}

fn documents() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    prop::collection::vec(("[a-c]{0,2}", prop::collection::vec(any::<u8>(), 0..9)), 0..12)
}

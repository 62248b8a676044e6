//! Tests of keeping registrations, with a real store in a directory of its own.
//!
//! What happens when the program is killed meanwhile is tested from outside.

use std::path::Path;
use std::sync::Arc;

use conductor_config::Registration;
use serde_json::{Value, json};

use super::{Registrations, UnreadableError};
use crate::credentials::{KeySource, Keyring};
use crate::store::{Kind, SqliteStore, StateDir, Store, WallClock};

struct Shelf {
    store: SqliteStore,
    dir: StateDir,
}

impl Shelf {
    async fn open(path: &Path) -> Self {
        let dir = StateDir::claim(path).unwrap();
        let store = SqliteStore::open(&dir, WallClock::system()).await.unwrap();
        Self { store, dir }
    }

    fn registrations(&self) -> Registrations {
        let store = Arc::new(self.store.clone());
        Registrations::new(store, self.dir.clone(), KeySource::default())
    }
}

fn registration(body: &Value) -> Registration {
    Registration::read(body.to_string().as_bytes(), None).unwrap()
}

fn with_secrets(name: &str) -> Registration {
    registration(&json!({
        "name": name,
        "command": ["x"],
        "env": { "TOKEN": "canary-one", "F": { "file": "f" } },
        "headers": { "Authorization": "canary-two" },
        "url": "https://h.example/?key=canary-three",
    }))
}

/// Every byte of every file in a directory.
fn contents(dir: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    files.filter(|path| path.is_file()).flat_map(|path| std::fs::read(path).unwrap()).collect()
}

#[tokio::test]
async fn a36_what_was_kept_is_found_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(folder.path()).await;
    let mut registrations = shelf.registrations();
    let plain = registration(&json!({ "name": "plain", "command": ["x"] }));
    registrations.keep(&plain).await.unwrap();
    assert!(!folder.path().join("master.key").exists(), "nothing had to be encrypted");
    let secret = with_secrets("secret");
    let first = registrations.keep(&secret).await.unwrap();
    let second = registrations.keep(&secret).await.unwrap();
    assert_ne!(first, second, "each writing is a version");

    let found = shelf.registrations().load().await.unwrap();
    let read: Vec<_> = found.iter().map(|kept| kept.registration.as_ref().unwrap()).collect();
    assert_eq!(read, [&plain, &secret]);
    assert_eq!(found[1].version, second);
    assert!(registrations.forget(&plain.id).await.unwrap());
    assert!(!registrations.forget(&plain.id).await.unwrap());
    assert_eq!(shelf.registrations().load().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a37_nothing_secret_is_on_the_disk_in_plain() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(folder.path()).await;
    shelf.registrations().keep(&with_secrets("a")).await.unwrap();
    let written = contents(folder.path());
    let has = |word: &str| written.windows(word.len()).any(|part| part == word.as_bytes());
    assert!(has("v2:") && has("TOKEN"), "the registration is not there");
    assert!(!has("canary"), "a secret is");
}

#[tokio::test]
async fn a_workspace_is_active_unless_it_was_deactivated_last() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(folder.path()).await;
    let mut registrations = shelf.registrations();
    let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
    for (workspace, active) in [(&one, false), (&other, false), (&one, true), (&other, false)] {
        registrations.set_active(workspace, active).await.unwrap();
    }
    let inactive = shelf.registrations().inactive().await.unwrap();
    assert_eq!(inactive.into_iter().collect::<Vec<_>>(), [other]);
}

#[tokio::test]
async fn a_registration_that_cannot_be_decrypted_is_named_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(folder.path()).await;
    let mut registrations = shelf.registrations();
    registrations.keep(&with_secrets("a")).await.unwrap();
    registrations.keep(&with_secrets("b")).await.unwrap();
    let moved = shelf.store.get(Kind::Registration, "default/a".into()).await.unwrap().unwrap();
    shelf.store.put(Kind::Registration, "default/b".into(), moved.body).await.unwrap();
    let told = |error: &UnreadableError| error.to_string();
    let found = shelf.registrations().load().await.unwrap();
    assert!(found[0].registration.is_ok());
    let error = told(found[1].registration.as_ref().unwrap_err());
    assert_eq!(
        error,
        "env.TOKEN cannot be decrypted: it was changed, or moved here from another entry"
    );

    std::fs::remove_file(folder.path().join("master.key")).unwrap();
    let found = shelf.registrations().load().await.unwrap();
    let error = told(found[0].registration.as_ref().unwrap_err());
    assert_eq!(error, "env.TOKEN is encrypted, and there is no master key");

    for odd in ["", "{}", r#"{"format":2,"entry":{}}"#, r#"{"format":1,"entry":{"url":"x"}}"#] {
        shelf.store.put(Kind::Registration, "default/a".into(), odd.into()).await.unwrap();
        let found = shelf.registrations().load().await.unwrap();
        let error = told(found[0].registration.as_ref().unwrap_err());
        assert_eq!(error, "it is not in a form that this program knows", "{odd}");
    }
}

#[tokio::test]
async fn registrations_are_sealed_anew_under_a_new_key_and_need_the_old_one_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(folder.path()).await;
    for name in ["a", "b"] {
        shelf.registrations().keep(&with_secrets(name)).await.unwrap();
    }
    let broken = r#"{"format":1,"entry":{"url":"x"}}"#;
    shelf.store.put(Kind::Registration, "default/c".into(), broken.into()).await.unwrap();
    let source = KeySource::default();
    let before = Keyring::load(&source, folder.path()).unwrap().unwrap();
    let keys = Keyring::add_key(&source, folder.path()).unwrap();
    let resealed = shelf.registrations().seal_anew().await.unwrap();
    assert_eq!((resealed.done, resealed.unreadable), (2, vec!["c".parse().unwrap()]));
    Keyring::drop_old(&source, folder.path()).unwrap();
    let found = shelf.registrations().load().await.unwrap();
    assert_eq!(found[1].registration.as_ref().unwrap(), &with_secrets("b"));
    assert!(found[2].registration.is_err());
    let body = shelf.store.get(Kind::Registration, "default/a".into()).await.unwrap().unwrap().body;
    let text = String::from_utf8(body).unwrap();
    assert!(text.contains(keys.first().id()) && !text.contains(before.first().id()), "{text}");
}

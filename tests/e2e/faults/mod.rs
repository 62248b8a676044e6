//! These tests do to the daemon and its servers what `docs/reliability.md` lists, each named for its row.
//! They leave what any gateway must do on a good day to the other files of this binary.

use std::time::Duration;

use conductor_e2e::client::Reply;
use conductor_e2e::client::http_client::Connection;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::journal::Journal;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{CONDUCTOR, mock_with};

mod cycles;
mod daemon;
mod death;
mod disk;
mod door;
mod fate;
mod floods;
mod limits;
mod lines;
mod lists;
pub(crate) mod measure;
mod neighbours;
mod registrations;
mod restarts;
mod silence;
mod soak;
mod starts;

/// An entry of a mock server, its journal, and the folder that both need.
struct Victim {
    entry: Value,
    journal: Journal,
    folder: TempDir,
}

impl Victim {
    /// Comes back at once, however often it goes down, and offers a tool for every fault.
    fn hardy(args: &[&str], more: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().join("journal"));
        let path = journal.path().display().to_string();
        let mut words = vec!["--fault-tools", "--log", &path];
        words.extend(args);
        let mut settings = json!({
            "backoff": { "min": "20ms", "max": "40ms" },
            "restarts": { "max": 100_000, "window": "1m" },
        });
        if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
            settings.extend(more);
        }
        Self { entry: mock_with(&words, settings), journal, folder }
    }

    /// A path beside the journal, as text for a command line.
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The process id of the newest life.
    fn pid(&self) -> i32 {
        *self.journal.started().last().expect("it has started")
    }

    /// When its lives began, in milliseconds.
    fn start_times(&self) -> Vec<u64> {
        let starts = self.journal.of_kind("start");
        starts.iter().filter_map(|event| event["at_ms"].as_u64()).collect()
    }
}

/// A heartbeat of so many milliseconds from one question to the next.
fn heartbeat(interval: u64, timeout: u64, misses: u32) -> Value {
    json!({ "heartbeat": {
        "interval": format!("{interval}ms"), "timeout": format!("{timeout}ms"), "misses": misses,
    } })
}

/// A daemon with any settings.
async fn serve_all(settings: Value) -> Daemon {
    Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap()
}

/// The data of a failed call.
#[track_caller]
fn failure(reply: &Reply) -> &Value {
    assert!(reply.is_error(), "{:.500}", reply.message.to_string());
    &reply.message["result"]["_meta"]["io.github.mcp-conductor/failure"]
}

/// Status and body of one of the daemon's own pages.
async fn page(daemon: &Daemon, path: &str) -> (StatusCode, String) {
    let mut connection = Connection::open(daemon.addr()).await.unwrap();
    let answer = connection.send(Method::GET, path, &[], "").await.unwrap();
    let status = answer.status;
    (status, String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned())
}

/// Waits for a line of the log that has all of these words.
async fn wait_said(daemon: &Daemon, words: &[&str], limit: Duration) -> Value {
    let what = format!("{words:?}");
    let said = daemon.wait_log(&what, limit, |line| {
        let text = line.to_string();
        words.iter().all(|word| text.contains(word)).then(|| line.clone())
    });
    said.await.unwrap()
}

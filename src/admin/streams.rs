//! This file sends a server's stderr as it is written, one JSON object a line.
//!
//! It keeps nothing: a reader that is too slow misses lines and sees so by their numbers.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use conductor_actors::{StderrLog, StderrTail};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::rest::Secrets;

/// One line of a server's stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Counts the lines of this server since the daemon started, from 0.
    pub number: u64,
    /// What it wrote.
    pub line: String,
}

struct Follow {
    log: watch::Receiver<StderrLog>,
    from: u64,
    secrets: Secrets,
    /// When to end; `None` means after what there is now.
    ended: Option<CancellationToken>,
}

/// The lines from number `from` on as a body: those there are, and with `ended` also those to
/// come until it is cancelled. Nothing of `secrets` is shown.
pub(super) fn log_lines(
    stderr: &StderrTail,
    secrets: Secrets,
    from: u64,
    ended: Option<CancellationToken>,
) -> Body {
    let follow = Follow { log: stderr.follow(), from, secrets, ended };
    Body::from_stream(futures_util::stream::unfold(follow, next))
}

async fn next(mut follow: Follow) -> Option<(Result<Bytes, Infallible>, Follow)> {
    loop {
        let (lines, next) = follow.log.borrow_and_update().since(follow.from);
        if !lines.is_empty() {
            follow.from = next;
            let first = next - lines.len() as u64;
            let numbered = (first..)
                .zip(&lines)
                .map(|(number, line)| written(number, &follow.secrets.blotted(line)));
            return Some((Ok(Bytes::from(numbered.collect::<Vec<_>>().concat())), follow));
        }
        let ended = follow.ended.as_ref()?;
        tokio::select! {
            () = ended.cancelled() => return None,
            changed = follow.log.changed() => changed.ok()?,
        }
    }
}

fn written(number: u64, line: &str) -> Vec<u8> {
    let line = LogLine { number, line: line.to_owned() };
    let mut text = serde_json::to_vec(&line).unwrap_or_default();
    text.push(b'\n');
    text
}

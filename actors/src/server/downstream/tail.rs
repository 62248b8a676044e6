//! This file drains a child's stderr and keeps the last of it.
//!
//! It never stops reading: a child whose stderr is full stands still. Showing the lines is left to
//! the command line, judging them to nobody (MCP: stderr is no sign of an error).

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

use crate::credentials::Secrets;
use crate::visible::sanitize_text;

/// Bytes kept per server.
const KEPT: usize = 64 * 1024;
/// Longest line kept, in bytes; the rest of a longer one is dropped.
const LINE: usize = 4 * 1024;
/// Lines that go into an error.
const TAIL: usize = 20;

/// The last lines of one server, oldest first, each with its running number.
#[derive(Debug, Default)]
pub struct StderrLog {
    lines: VecDeque<Arc<str>>,
    bytes: usize,
    next: u64,
}

impl StderrLog {
    fn push(&mut self, line: &str) {
        self.bytes += line.len();
        self.lines.push_back(Arc::from(line));
        self.next += 1;
        while self.bytes > KEPT {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len();
        }
    }

    /// The lines kept whose number is at least `from`, and the number the next line will have.
    pub fn since(&self, from: u64) -> (Vec<Arc<str>>, u64) {
        let first = self.next - self.lines.len() as u64;
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        (self.lines.iter().skip(skip).cloned().collect(), self.next)
    }
}

/// The stderr of one server over all its lives. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct StderrTail {
    log: Arc<watch::Sender<StderrLog>>,
    /// Where the same lines are kept once more.
    whole: Option<Arc<watch::Sender<StderrLog>>>,
}

impl StderrTail {
    /// One for an instance of the server. What is said there stands here as well, but not the other
    /// way round: what one instance says is no business of another's callers.
    pub(crate) fn part(&self) -> Self {
        Self { log: Arc::default(), whole: Some(Arc::clone(&self.log)) }
    }

    /// Follows the log: wakes on every new line.
    pub fn follow(&self) -> watch::Receiver<StderrLog> {
        self.log.subscribe()
    }

    /// The number that the next line will have.
    pub(crate) fn mark(&self) -> u64 {
        self.log.borrow().next
    }

    /// The last lines since `mark`, as many as an error may carry.
    pub(crate) fn last_words(&self, mark: u64) -> Vec<Arc<str>> {
        let (mut lines, _) = self.log.borrow().since(mark);
        lines.split_off(lines.len().saturating_sub(TAIL))
    }

    /// Reads `stderr` to its end; nothing of `secrets` is kept, or told to anybody.
    pub(crate) async fn drain<R: AsyncRead + Unpin>(self, mut stderr: R, secrets: Secrets) {
        let mut chunk = vec![0; 8 * 1024];
        let mut line = Vec::new();
        loop {
            let count = match stderr.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            let mut rest = &chunk[..count];
            while let Some(at) = memchr::memchr(b'\n', rest) {
                append(&mut line, &rest[..at]);
                self.keep(&mut line, &secrets);
                rest = &rest[at + 1..];
            }
            append(&mut line, rest);
        }
        if !line.is_empty() {
            self.keep(&mut line, &secrets);
        }
    }

    fn keep(&self, line: &mut Vec<u8>, secrets: &Secrets) {
        let text = String::from_utf8_lossy(line);
        let text = sanitize_text(text.trim_end(), LINE).replace('\n', " ");
        let text = secrets.blotted(&text);
        tracing::debug!(target: "conductor::stderr", line = &*text, "server wrote to stderr");
        for log in self.whole.iter().chain([&self.log]) {
            log.send_modify(|log| log.push(&text));
        }
        line.clear();
    }
}

fn append(line: &mut Vec<u8>, bytes: &[u8]) {
    let room = LINE.saturating_sub(line.len());
    line.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn drained(input: &[u8]) -> StderrTail {
        let tail = StderrTail::default();
        tail.clone().drain(input, Secrets::default()).await;
        tail
    }

    #[tokio::test]
    async fn lines_are_kept_in_order_also_the_unfinished_last() {
        let tail = drained(b"one\ntwo\r\nthr\xffee").await;
        let (lines, next) = tail.follow().borrow().since(0);
        assert_eq!(
            lines.iter().map(|line| &**line).collect::<Vec<_>>(),
            ["one", "two", "thr\u{fffd}ee"]
        );
        assert_eq!(next, 3);
        assert_eq!(tail.last_words(2), ["thr\u{fffd}ee".into()] as [Arc<str>; 1]);
    }

    #[tokio::test]
    async fn what_would_steer_a_terminal_is_taken_out() {
        let tail = drained(b"\x1b[31mred\x1b[0m\x07\rover").await;
        assert_eq!(tail.last_words(0), ["red over".into()] as [Arc<str>; 1]);
    }

    #[tokio::test]
    async fn a_flood_is_bounded_and_the_newest_lines_stay() {
        let flood: Vec<u8> =
            (0..100_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let tail = drained(&flood).await;
        let log = tail.follow();
        assert!(log.borrow().bytes <= KEPT);
        assert_eq!(&**log.borrow().lines.back().unwrap(), "line 99999");
        assert_eq!(log.borrow().since(99_998).0.len(), 2);
        assert_eq!(tail.last_words(0).len(), TAIL);
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut() {
        let tail = drained(&vec![b'x'; 1_000_000]).await;
        assert_eq!(tail.follow().borrow().lines[0].len(), LINE);
    }
}

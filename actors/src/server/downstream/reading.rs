//! This file reads one message of a server: a long one away from the thread that moves messages, so that
//! others do not wait until it is read.
//!
//! It leaves what a message means to the desk. Whoever reads waits, so messages keep their order.

use std::thread;

use bytes::Bytes;

use crate::wire::{self, Malformed, Message};

/// From this length on, in bytes, another thread reads. To have one do it takes as long as reading a tenth
/// of that; reading all of it, a fraction of a millisecond, is what others can wait for.
const LONG: usize = 256 * 1024;
/// That thread offers its processor to others once in so many bytes: it may be the one that the thread that
/// moves messages was on, which goes on then.
const TURN: usize = 32 * 1024;

/// Reads one message.
pub(super) async fn read(bytes: &Bytes) -> Result<Message, Malformed> {
    if bytes.len() < LONG {
        return wire::parse(bytes);
    }
    let shared = bytes.clone();
    match tokio::task::spawn_blocking(move || {
        wire::parse_in_turns(&shared, (TURN, thread::yield_now))
    })
    .await
    {
        Ok(message) => message,
        // The runtime is at its end, or reading panicked: then it does so here.
        Err(_) => wire::parse(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_messages_are_read_like_short_ones() {
        for length in [10, LONG] {
            let text = "x".repeat(length);
            let whole = format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{text}"}}"#);
            assert!(matches!(read(&whole.into()).await, Ok(Message::Response(_))));
            let broken = format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{text}}}"#);
            assert!(matches!(read(&broken.into()).await, Err(Malformed::Syntax(_))));
        }
    }
}

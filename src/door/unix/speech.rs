//! This file finds out what a peer speaks, from the first bytes it sends: HTTP, or lines.
//!
//! It takes none of them: whoever serves the peer reads them again.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// What a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// A request of HTTP/1.
    Http,
    /// One JSON-RPC message a line, or nothing at all.
    Lines,
}

/// With one of these, and a blank, a request of HTTP begins. No JSON does.
const METHODS: [&str; 8] = ["GET", "POST", "DELETE", "OPTIONS", "HEAD", "PUT", "PATCH", "TRACE"];
/// So many bytes are enough to tell.
const ENOUGH: usize = 8;

impl Speech {
    /// What these first bytes are; none if more have to come.
    fn of(first: &[u8]) -> Option<Self> {
        let begins = |method: &&str| {
            let blank = method.bytes().chain([b' ']);
            blank.zip(first).all(|(expected, found)| expected == *found)
        };
        match METHODS.into_iter().find(begins) {
            Some(method) if first.len() > method.len() => Some(Self::Http),
            Some(_) => None,
            None => Some(Self::Lines),
        }
    }

    /// Waits for the first bytes of a peer. One that leaves before is one of lines.
    ///
    /// # Errors
    ///
    /// If the system refuses to look.
    pub(super) async fn heard(stream: &UnixStream) -> io::Result<Self> {
        loop {
            let ready = stream.ready(Interest::READABLE).await?;
            let mut first = [0; ENOUGH];
            let look = || Ok(recv(stream, &mut first, RecvFlags::PEEK)?.1);
            let speech = match stream.try_io(Interest::READABLE, look) {
                Ok(0) => Some(Self::Lines),
                Ok(count) => Self::of(&first[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            match speech {
                Some(speech) => return Ok(speech),
                None if ready.is_read_closed() => return Ok(Self::Lines),
                // That there is something to read is no news: the next wake-up is to be about more.
                None => drop(
                    stream
                        .try_io::<()>(Interest::READABLE, || Err(io::ErrorKind::WouldBlock.into())),
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn a_method_and_a_blank_are_http_and_all_else_are_lines() {
        for (first, expected) in [
            ("GET / HT", Some(Speech::Http)),
            ("POST /mc", Some(Speech::Http)),
            ("OPTIONS ", Some(Speech::Http)),
            ("DELETE ", Some(Speech::Http)),
            ("P", None),
            ("POST", None),
            ("OPTIONS", None),
            ("POSTED b", Some(Speech::Lines)),
            ("get / HT", Some(Speech::Lines)),
            (" GET / H", Some(Speech::Lines)),
            ("{\"jsonrp", Some(Speech::Lines)),
            ("[", Some(Speech::Lines)),
            ("\n", Some(Speech::Lines)),
            ("PRI * HT", Some(Speech::Lines)),
        ] {
            assert_eq!(Speech::of(first.as_bytes()), expected, "{first:?}");
        }
    }

    /// What is heard of a peer that sends these pieces and, if it leaves, closes.
    async fn check(pieces: &[&str], leaves: bool, expected: Option<Speech>) {
        let (near, mut far) = UnixStream::pair().unwrap();
        let telling = async {
            for piece in pieces {
                far.write_all(piece.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if leaves {
                far.shutdown().await.unwrap();
            }
        };
        let limit = if expected.is_some() { 5000 } else { 200 };
        let hearing = timeout(Duration::from_millis(limit), Speech::heard(&near));
        let (heard, ()) = tokio::join!(hearing, telling);
        assert_eq!(heard.ok().map(Result::unwrap), expected, "{pieces:?}");
        if leaves {
            let mut text = String::new();
            let mut near = near;
            near.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, pieces.concat(), "nothing was taken");
        }
    }

    #[tokio::test]
    async fn it_is_heard_however_the_bytes_come_and_none_is_taken() {
        check(&["P", "OS", "T /mcp HTTP/1.1"], true, Some(Speech::Http)).await;
        check(&["P", "O", "EM"], true, Some(Speech::Lines)).await;
        check(&["{}"], true, Some(Speech::Lines)).await;
        check(&[], true, Some(Speech::Lines)).await;
        check(&["POS"], true, Some(Speech::Lines)).await;
        check(&["POS"], false, None).await;
        check(&[], false, None).await;
    }
}

//! This file tells a peer that has left from one that merely has nothing more to say.
//!
//! It leaves reading and writing to the stream.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;

/// Returns when the peer of a Unix socket has closed both directions. A peer that has only ended
/// its input still waits for answers.
pub(super) async fn gone(input: OwnedReadHalf) {
    let Err(_) = watch(input.as_ref()).await; // what cannot be watched counts as gone
}

/// Ends with the reason for which nobody is there.
async fn watch(stream: &UnixStream) -> io::Result<std::convert::Infallible> {
    // A descriptor of its own, or the writer would miss that there is room.
    let twin = std::os::unix::net::UnixStream::from(stream.as_fd().try_clone_to_owned()?);
    let twin = UnixStream::from_std(twin)?;
    loop {
        if twin.ready(Interest::WRITABLE).await?.is_write_closed() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        // That there is room is no news: the next wake-up is to be about something else.
        let _ = twin.try_io::<()>(Interest::WRITABLE, || Err(ErrorKind::WouldBlock.into()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn half_a_close_is_none() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let (input, _output) = near.into_split();
        far.write_all(b"x").await.unwrap();
        far.shutdown().await.unwrap();
        let left = gone(input);
        tokio::pin!(left);
        assert!(timeout(Duration::from_millis(100), &mut left).await.is_err());
        drop(far);
        timeout(Duration::from_secs(5), left).await.unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_left_before_is_gone() {
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        timeout(Duration::from_secs(5), gone(near.into_split().0)).await.unwrap();
    }
}

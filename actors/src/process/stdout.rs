//! This file reads what a child writes to stdout, through a pipe that grows once it is found full.
//!
//! A result that does not fit into the pipe is handed over in as many turns as it has pipefuls, each with a
//! switch between two processes. It leaves what is read to others.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::pipe::fcntl_setpipe_size;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::ChildStdout;

/// So much at once says that the pipe was full, or nearly: it has 64 KiB (pipe(7)).
const FULL: usize = 48 * 1024;
/// What a pipe grows to, in bytes. Not the most that there may be (1 MiB): what a user without rights has
/// in pipes is counted, and beyond 64 MiB new pipes are tiny (pipe(7), `pipe-user-pages-soft`).
const WIDE: usize = 256 * 1024;

/// The end of the pipe that we read from.
#[derive(Debug)]
pub(crate) struct Stdout {
    pipe: ChildStdout,
    grown: bool,
}

impl Stdout {
    pub(super) fn new(pipe: ChildStdout) -> Self {
        Self { pipe, grown: false }
    }
}

impl AsyncRead for Stdout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.pipe).poll_read(context, buffer))?;
        if !self.grown && buffer.filled().len() - before >= FULL {
            self.grown = true;
            // Where it is refused, the pipe serves as it is.
            let _ = fcntl_setpipe_size(&self.pipe, WIDE);
        }
        Poll::Ready(Ok(()))
    }
}

//! This file starts a server and reads what it writes.
//! It leaves writing to it to `flow.rs`.

use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::io::ioctl_fionbio;
use rustix::pipe::fcntl_setpipe_size;

use super::flow::{Outbox, read_into};

/// Bytes that the pipes get room for, and that are read at one time at least; as many as the gateway has.
const WIDE: usize = 256 * 1024;

/// A server, which lives as long as its stdin is open.
pub(super) struct Server {
    pub(super) requests: Outbox,
    pub(super) answers: OwnedFd,
    /// What has come of answers that nobody has got.
    pub(super) input: Vec<u8>,
    /// How much of it is known to have no end of a line.
    pub(super) scanned: usize,
    _child: Child,
}

impl Server {
    /// Starts it on two pipes.
    pub(super) fn start(words: &[String]) -> Result<Self> {
        let (program, args) = words.split_first().context("no command")?;
        #[expect(clippy::disallowed_methods, reason = "the ruler has no runtime to start one with")]
        let mut command = std::process::Command::new(program);
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start the server")?;
        let requests: OwnedFd = child.stdin.take().context("no stdin")?.into();
        let answers: OwnedFd = child.stdout.take().context("no stdout")?.into();
        for pipe in [&requests, &answers] {
            ioctl_fionbio(pipe, true)?;
            // Where it is refused, the pipe serves as it is.
            let _ = fcntl_setpipe_size(pipe, WIDE);
        }
        let requests = Outbox::new(requests);
        Ok(Self { requests, answers, input: Vec::new(), scanned: 0, _child: child })
    }

    /// Reads what has come.
    pub(super) fn read(&mut self) -> Result<()> {
        if !read_into(&mut self.input, WIDE, self.answers.as_fd())? {
            bail!("a server has ended");
        }
        Ok(())
    }

    /// All lines that there are end here; they are done.
    pub(super) fn used(&mut self, end: usize) {
        self.input.drain(..end);
        self.scanned = self.input.len();
    }
}

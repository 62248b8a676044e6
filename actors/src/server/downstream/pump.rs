//! This file moves messages between one child's pipes and the calls that wait for it.
//!
//! One task runs it and owns everything in it. It leaves starting and ending the process to
//! `process`, and what a list or a session means to those who ask for it.

use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::decoder::{Decoder, Line};
use super::desk::{Desk, PREFIX, cancelled};
use super::lane::{CallFailure, Command, Gauges, Lane};
use super::output::{Driven, Output};
use super::pace::Pace;
use super::peers::Peers;
use super::pending::Entry;
use super::reading::read;
use super::sdk;
use super::tail::StderrTail;
use crate::model::{Cause, Downfall};
use crate::process::Exit;

/// How long a child may leave its input unread.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long output is still read after the process has ended or closed its input.
const LINGER: Duration = Duration::from_millis(50);
/// How long a closed pipe waits for the exit status that explains it.
const EXPLAIN: Duration = Duration::from_millis(150);
/// A child that wrote so many times the line limit without an end of line is given up.
const ENDLESS: u64 = 4;

/// What a pump works with.
#[derive(Debug)]
pub(crate) struct PumpParts<R, W> {
    /// The child's stdout.
    pub(crate) reader: R,
    /// The child's stdin.
    pub(crate) writer: W,
    /// Longest line accepted, in bytes.
    pub(crate) max_line: usize,
    /// Calls under way at once.
    pub(crate) max_in_flight: usize,
    /// Who calls there.
    pub(crate) peers: Peers,
    /// Tells the end of the process.
    pub(crate) exit: watch::Receiver<Option<Exit>>,
    /// What the child says on stderr.
    pub(crate) stderr: StderrTail,
    /// Closes when the child's stderr has been read to its end.
    pub(crate) stderr_open: watch::Receiver<()>,
}

/// The task behind one [`Lane`].
pub(crate) struct Pump<R, W> {
    reader: R,
    link: Link<W>,
    decoder: Decoder,
    commands: mpsc::Receiver<Command>,
    exit: watch::Receiver<Option<Exit>>,
    stderr: StderrTail,
    stderr_open: watch::Receiver<()>,
    mark: u64,
    max_line: usize,
}

/// All of a pump but what it reads from, so that handling a line can borrow it whole.
struct Link<W> {
    output: Output<W>,
    desk: Desk,
    max_line: usize,
    closing: bool,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Pump<R, W> {
    /// A pump, and the lane that leads to it.
    pub(crate) fn new(parts: PumpParts<R, W>) -> (Self, Lane) {
        let gauges = Arc::new(Gauges::new());
        let (lane, commands) = Lane::new(parts.max_in_flight, Arc::clone(&gauges));
        let pump = Self {
            reader: parts.reader,
            link: Link {
                output: Output::new(parts.writer, PATIENCE),
                desk: Desk::new(gauges, lane.commands(), parts.peers),
                max_line: parts.max_line,
                closing: false,
            },
            decoder: Decoder::new(parts.max_line),
            commands,
            exit: parts.exit,
            mark: parts.stderr.mark(),
            stderr: parts.stderr,
            stderr_open: parts.stderr_open,
            max_line: parts.max_line,
        };
        (pump, lane)
    }

    /// Runs until the child is gone or useless; fails what is unanswered, and says why.
    pub(crate) async fn run(mut self) -> Arc<Downfall> {
        let cause = self.pump().await;
        let cause = self.explain(cause).await;
        let stderr_tail = self.last_words().await;
        let downfall = Arc::new(Downfall { cause, stderr_tail });
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Request { reply, .. } = command {
                let lost = CallFailure::Lost { downfall: Arc::clone(&downfall), sent: false };
                let _ = reply.send(Err(lost));
            }
        }
        let written = self.link.output.written();
        for (_, entry) in self.link.desk.pending.drain() {
            let sent = written > entry.starts_at;
            let lost = CallFailure::Lost { downfall: Arc::clone(&downfall), sent };
            entry.end(Err(lost));
        }
        downfall
    }

    /// What the child said on stderr, to its last word if that does not take long: a grandchild may
    /// hold the pipe open.
    async fn last_words(&mut self) -> Vec<Arc<str>> {
        let drained = async { while self.stderr_open.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(LINGER, drained).await;
        self.stderr.last_words(self.mark)
    }

    async fn pump(&mut self) -> Cause {
        let Self { reader, link, decoder, commands, exit, max_line, .. } = self;
        let linger = sleep(LINGER);
        tokio::pin!(linger);
        let rest = sleep(LINGER);
        tokio::pin!(rest);
        let (mut pace, mut resting) = (Pace::new(Instant::now()), false);
        let gone = async { drop(exit.wait_for(Option::is_some).await) };
        tokio::pin!(gone);
        let mut exited = false;
        let mut ending = None;
        loop {
            let mut space = decoder.space().limit(pace.room());
            tokio::select! {
                biased;
                // The end comes first: who escaped the group may keep the output busy for ever.
                () = &mut linger, if ending.is_some() => {
                    return ending.unwrap_or(Cause::OutputClosed);
                }
                () = &mut gone, if !exited => {
                    exited = true;
                    ending = Some(Cause::OutputClosed);
                    linger.as_mut().reset(Instant::now() + LINGER);
                }
                driven = link.output.drive(), if link.output.has_work() => match driven {
                    Driven::Wrote => link.close_if_done(),
                    Driven::Stalled => return Cause::InputStuck,
                    Driven::Failed => {
                        link.output.close();
                        ending = Some(Cause::InputStuck);
                        linger.as_mut().reset(Instant::now() + LINGER);
                    }
                },
                command = commands.recv(), if link.output.has_room() => match command {
                    Some(command) => {
                        link.on_command(command);
                        link.on_waiting(commands);
                    }
                    None => return Cause::Asked,
                },
                () = &mut rest, if resting => resting = false,
                read = reader.read_buf(&mut space), if !resting => {
                    if !matches!(read, Ok(count) if count > 0) {
                        return Cause::OutputClosed;
                    }
                    let (mut bytes, waiting) = (0, link.desk.pending.len());
                    while let Some(line) = decoder.next_line() {
                        bytes += line.len() as u64;
                        link.on_line(line).await;
                    }
                    let answered = link.desk.pending.len() < waiting;
                    if let Some(until) = pace.on_lines(bytes, answered, Instant::now()) {
                        resting = true;
                        rest.as_mut().reset(until);
                    }
                    if decoder.skipped() > ENDLESS * *max_line as u64 {
                        return Cause::EndlessLine(decoder.skipped());
                    }
                }
            }
        }
    }

    /// Prefers the process's own end over what was seen of it on the pipes.
    async fn explain(&mut self, seen: Cause) -> Cause {
        if self.link.closing && seen == Cause::OutputClosed {
            return Cause::Asked;
        }
        let known = self.exit.wait_for(Option::is_some);
        match tokio::time::timeout(EXPLAIN, known).await {
            Ok(Ok(exit)) => exit.map_or(seen, Cause::from),
            Ok(Err(_)) | Err(_) => seen,
        }
    }
}

impl<W: AsyncWrite + Unpin> Link<W> {
    /// Takes what else waits, so that it goes out in one write, which wakes the child once.
    fn on_waiting(&mut self, commands: &mut mpsc::Receiver<Command>) {
        while self.output.has_room()
            && let Ok(command) = commands.try_recv()
        {
            self.on_command(command);
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Request { ticket, method, hop, body, reply, ports, slot } => {
                if self.closing || reply.is_closed() {
                    let downfall = Downfall::silent(Cause::Asked);
                    let _ = reply.send(Err(CallFailure::Lost { downfall, sent: false }));
                    return;
                }
                if body.is_notice() {
                    if self.desk.pass_notice(hop, &ports, reply) {
                        sdk::write_request(
                            self.output.buffer(),
                            PREFIX,
                            ticket,
                            method,
                            hop,
                            &body,
                        );
                    }
                    return;
                }
                let starts_at = self.output.position();
                sdk::write_request(self.output.buffer(), PREFIX, ticket, method, hop, &body);
                let entry = Entry { reply, ports, hop, task: body.awaited_task(), starts_at, slot };
                self.desk.expect(ticket, entry);
            }
            Command::Cancel { ticket } => {
                if self.desk.give_up(ticket) {
                    self.say(&cancelled(ticket));
                }
                self.close_if_done();
            }
            Command::Raw(message) => self.say(&message),
            Command::Attach(sdk) => self.desk.attach(sdk),
            Command::CloseInput { when_idle } => {
                self.closing = true;
                if when_idle {
                    self.close_if_done();
                } else {
                    self.output.close();
                }
            }
        }
    }

    /// Closes the child's input once it was asked for, nothing is owed and all is written.
    fn close_if_done(&mut self) {
        if self.closing && self.desk.pending.is_empty() && self.output.waiting() == 0 {
            self.output.close();
        }
    }

    async fn on_line(&mut self, line: Line) {
        match line {
            Line::Whole(line) => {
                let answer = self.desk.on_message(read(&line).await, &line, None);
                // A child that asks faster than it reads gets no answers.
                if let Some(answer) = answer.filter(|_| self.output.has_room()) {
                    self.say(&answer);
                }
            }
            Line::TooLong { id } => {
                let limit = self.max_line;
                self.desk.fail_answer(id, CallFailure::TooLong { limit });
            }
        }
        self.close_if_done();
    }

    /// Writes one message, as long as somebody may read it.
    fn say(&mut self, message: &[u8]) {
        if self.output.is_open() {
            let out = self.output.buffer();
            out.extend_from_slice(message);
            out.push(b'\n');
        }
    }
}

//! This file stands in for a server: the far end of a pump's pipes, in the hands of a test.
//! It says nothing by itself; what a test wants said, it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::io::InspectWriter;

use super::lane::{Body, CallFailure, Lane, RefusedCall, Ticket};
use super::peers::Peers;
use super::pending::{Ports, ProgressPort};
use super::pump::{Pump, PumpParts};
use super::tail::StderrTail;
use crate::model::{Answer, Downfall, Ear, Generation, Holder, LogPort, Principal};
pub(crate) use crate::process::Exit;
use crate::server::ServerLink;
use crate::wire::{CallParams, LogLevel, Outcome, TaskVerb, Text};

/// Longest line that the pump under test accepts.
pub(crate) const MAX_LINE: usize = 1024;

/// What comes back for one call.
pub(crate) type Coming = oneshot::Receiver<Result<Answer, CallFailure>>;

/// One life of a server, played by a test.
pub(crate) struct Peer {
    pub(crate) lane: Lane,
    /// The server's stdout; taken away, the pump sees its end.
    pub(crate) out: Option<DuplexStream>,
    /// The server's stdin; taken away, the pump cannot write.
    pub(crate) input: Option<Lines<BufReader<DuplexStream>>>,
    /// Tells how the process ended.
    pub(crate) exit: watch::Sender<Option<Exit>>,
    /// How often something was written to the server.
    pub(crate) writes: Arc<AtomicUsize>,
    /// Ends with the pump.
    pub(crate) end: JoinHandle<Arc<Downfall>>,
}

impl Peer {
    /// A peer with room for 64 calls and roomy pipes.
    pub(crate) fn start() -> Self {
        Self::with(64, 1 << 20)
    }

    /// A peer with room for `limit` calls and pipes of `pipe` bytes.
    pub(crate) fn with(limit: usize, pipe: usize) -> Self {
        Self::behind(Peers::Several, limit, pipe)
    }

    /// One that calls of one client go to.
    pub(crate) fn apart() -> Self {
        Self::behind(Peers::One, 64, 1 << 20)
    }

    fn behind(peers: Peers, limit: usize, pipe: usize) -> Self {
        let (reader, out) = tokio::io::duplex(pipe);
        let (writer, input) = tokio::io::duplex(pipe);
        let writes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&writes);
        let writer = InspectWriter::new(writer, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let (exit, told) = watch::channel(None);
        let parts = PumpParts {
            reader,
            writer,
            max_line: MAX_LINE,
            max_in_flight: limit,
            peers,
            exit: told,
            stderr: StderrTail::default(),
            stderr_open: tokio::sync::watch::channel(()).1,
        };
        let (pump, lane) = Pump::new(parts);
        let end = tokio::spawn(pump.run());
        let input = Some(BufReader::new(input).lines());
        Self { lane, out: Some(out), input, exit, writes, end }
    }

    /// The way to this life for router and merger.
    pub(crate) fn link(&self, server: &str, generation: u64) -> ServerLink {
        let mut lives =
            std::iter::successors(Some(Generation::default()), |life| Some(life.next()));
        let generation = lives.nth(usize::try_from(generation).unwrap()).unwrap();
        let holder = Holder::Everybody;
        ServerLink { server: crate::tests::id(server), holder, generation, lane: self.lane.clone() }
    }

    /// The next message that the server reads.
    pub(crate) async fn read(&mut self) -> Value {
        let line = self.input.as_mut().unwrap().next_line().await.unwrap();
        serde_json::from_str(&line.expect("the input was closed")).unwrap()
    }

    /// Whether nothing comes for a second.
    pub(crate) async fn reads_nothing(&mut self) -> bool {
        let input = self.input.as_mut().unwrap();
        timeout(Duration::from_secs(1), input.next_line()).await.is_err()
    }

    /// Whether the server's input has been closed; false if it gets a message.
    pub(crate) async fn input_ends(&mut self) -> bool {
        self.input.as_mut().unwrap().next_line().await.unwrap().is_none()
    }

    /// Writes `line` and its end.
    pub(crate) async fn say(&mut self, line: &str) {
        let out = self.out.as_mut().unwrap();
        out.write_all(line.as_bytes()).await.unwrap();
        out.write_all(b"\n").await.unwrap();
    }

    /// Answers `request` with `result`.
    pub(crate) async fn answer(&mut self, request: &Value, result: &str) {
        let id = &request["id"];
        self.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)).await;
    }

    /// Puts a call with `params` on the pipe.
    pub(crate) fn call(&self, params: &str) -> (Ticket, Coming) {
        self.call_with(params, None).unwrap()
    }

    /// The same, with progress, and telling why not.
    pub(crate) fn call_with(
        &self,
        params: &str,
        progress: Option<ProgressPort>,
    ) -> Result<(Ticket, Coming), RefusedCall> {
        let ear = Some(Ear { principal: Principal::Local, logs: None, notices: None });
        self.call_at(params, Ports { progress, ear, ..Ports::default() })
    }

    /// The same, with all that may come back before the answer.
    pub(crate) fn call_at(
        &self,
        params: &str,
        ports: Ports,
    ) -> Result<(Ticket, Coming), RefusedCall> {
        let params = CallParams::read(Some(&Bytes::copy_from_slice(params.as_bytes()))).unwrap();
        let body = Body::Call { name: Text::from("tool"), params: Arc::new(params) };
        let (reply, answer) = oneshot::channel();
        let put = self.lane.call(body, reply, ports);
        put.map(|ticket| (ticket, answer)).map_err(|returned| returned.refused)
    }

    /// Waits for the result of a task, with all that may come back before it.
    pub(crate) fn await_task(&self, task: &str, ports: Ports) -> (Ticket, Coming) {
        let params = CallParams::of_task(TaskVerb::Result, Text::from(task));
        let body = Body::Call { name: Text::from(task), params: Arc::new(params) };
        let (reply, answer) = oneshot::channel();
        (self.lane.call(body, reply, ports).map_err(|it| it.refused).unwrap(), answer)
    }

    /// Puts a call of this principal on the pipe; what is logged about it comes back as well.
    pub(crate) fn call_as(
        &self,
        principal: Principal,
        level: LogLevel,
    ) -> (Coming, mpsc::Receiver<Bytes>) {
        let params = CallParams::read(Some(&Bytes::from_static(br#"{"name":"x"}"#))).unwrap();
        let body = Body::Call { name: Text::from("tool"), params: Arc::new(params) };
        let ((reply, answer), (sink, logs)) = (oneshot::channel(), mpsc::channel(4));
        let port = Some(LogPort { level, sink });
        let ear = Some(Ear { principal, logs: port, notices: None });
        self.lane.call(body, reply, Ports { ear, ..Ports::default() }).unwrap();
        (answer, logs)
    }

    /// Lets everything that can happen now happen.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Longer than anything takes here.
pub(crate) const LONG: Duration = Duration::from_secs(1000);

/// What comes of a call, in short.
pub(crate) async fn brief(coming: Coming) -> String {
    let text = |raw: &Bytes| String::from_utf8(raw.to_vec()).unwrap();
    match timeout(LONG, coming).await {
        Err(_) => "nothing".to_owned(),
        Ok(Err(_)) => "dropped".to_owned(),
        Ok(Ok(Ok(Answer { outcome: Outcome::Result(result), .. }))) => text(&result),
        Ok(Ok(Ok(Answer { outcome: Outcome::Error(error), .. }))) => {
            format!("error {}", text(&error))
        }
        Ok(Ok(Err(CallFailure::Lost { downfall, sent }))) => {
            format!("lost, {}, {downfall}", if sent { "sent" } else { "not sent" })
        }
        Ok(Ok(Err(failure))) => failure.to_string(),
    }
}

//! This file is a door over any stream of lines: stdin and stdout, or a Unix socket.
//!
//! One JSON-RPC message a line (MCP, basic/transports/stdio). Both eras may share a stream, each
//! request is served by the rules of its own; requests without a handshake are served too. It
//! leaves answering to `service`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{
    Hop, Id, Malformed, Members, Message, Notification, Request, Response, notification, parse,
};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::asked::Asked;
use super::batch;
use super::classify::{Method, era_of};
use super::dialogue::Client;
use super::era::Era;
use super::hearing::Hearing;
use super::herald::{Herald, Unasked};
use super::lines::{Line, Lines};
use super::listen::{self, Filter};
use super::reply::{Refusal, refuse};
use super::seen::Seen;
use super::service::{Job, Peer, Service, negotiate};

/// The longest line, in bytes.
const LINE_MAX: usize = 16 * 1024 * 1024;
/// The most requests under way on one stream.
const IN_FLIGHT_MAX: usize = 1024;
/// Messages that are written together.
const LINES_AT_ONCE: usize = 64;
/// Bytes that are written together; a message of as many is not copied.
const BATCH: usize = 64 * 1024;
/// Of those, what a connection that rests keeps room for.
const KEPT: usize = 1024;
/// Messages that wait for the reader.
const OUT_WAITING: usize = 256;
/// After the end of the input, how long answers are waited for, and again how long writing them
/// may take.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Serves one peer until its input ends or `shutdown`. Calls that are under way then get two
/// seconds to be answered.
pub async fn serve<R, W>(input: R, output: W, service: Service, shutdown: CancellationToken)
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
{
    serve_until(input, output, service, shutdown, |_| tokio::time::sleep(LAST_ANSWERS)).await;
}

/// As [`serve`], but calls that are under way when the input ends are answered for as long as the
/// future lasts that `given_up` makes of the input.
pub(super) async fn serve_until<R, W, G>(
    input: R,
    output: W,
    service: Service,
    shutdown: CancellationToken,
    given_up: impl FnOnce(R) -> G + Send,
) where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
    G: Future<Output = ()> + Send,
{
    let service = service.hearing(Arc::new(Hearing::default()));
    let (out, waiting) = mpsc::channel(OUT_WAITING);
    let mut writer = tokio::spawn(write(output, waiting));
    let mut stream = Stream {
        service,
        out,
        seen: Seen::default(),
        tasks: FuturesUnordered::new(),
        running: HashMap::new(),
        version: None,
        client: None,
        herald: None,
        closing: CancellationToken::new(),
    };
    let mut lines = Lines::new(input, LINE_MAX);
    stream.run(&mut lines, shutdown).await;
    stream.finish(given_up(lines.into_input())).await;
    drop(stream);
    // A peer that does not read any more is not waited for.
    if timeout(LAST_ANSWERS, &mut writer).await.is_err() {
        writer.abort();
    }
}

/// One stream and what is under way on it.
struct Stream {
    service: Service,
    out: mpsc::Sender<Bytes>,
    seen: Seen,
    /// Each ends with the ids of the requests it served. No tasks of the runtime: one for each request costs
    /// more than it gives (docs/decisions/0022).
    tasks: FuturesUnordered<BoxFuture<'static, Vec<Id>>>,
    /// Takes back the request of this id, and is cancelled as well when it is answered: from then on the
    /// id is free.
    running: HashMap<Id, CancellationToken>,
    /// What a handshake agreed upon, if there was one.
    version: Option<&'static str>,
    /// Whom servers can ask something, after a handshake.
    client: Option<Arc<Client>>,
    /// Tells the peer what it did not ask for, once it has said that its handshake is over.
    herald: Option<Herald>,
    /// Ends subscriptions in order.
    closing: CancellationToken,
}

/// A request that has got its place, and how it may be taken back.
type Placed = (Job, CancellationToken);

impl Stream {
    async fn run<R: AsyncRead + Unpin>(
        &mut self,
        lines: &mut Lines<R>,
        shutdown: CancellationToken,
    ) {
        let out = self.out.clone();
        let (gone, closing) = (out.closed(), shutdown.cancelled());
        tokio::pin!(gone, closing);
        loop {
            tokio::select! {
                line = lines.next() => match line {
                    Ok(Some(line)) => self.on_line(line).await,
                    Ok(None) | Err(_) => return,
                },
                Some(ended) = self.tasks.next() => self.forget(ended),
                () = &mut gone => return,
                () = &mut closing => return,
            }
        }
    }

    /// Lets what is under way end, until it is given up.
    async fn finish(&mut self, given_up: impl Future<Output = ()>) {
        self.closing.cancel();
        self.herald = None;
        let Self { tasks, out, .. } = self;
        // What is not answered by then is taken back when the tasks are dropped.
        tokio::select! {
            () = async { while tasks.next().await.is_some() {} } => {}
            () = out.closed() => {}
            () = given_up => {}
        }
    }

    /// Serves something beside all else; should it fail badly, all else goes on.
    fn begin(&self, work: impl Future<Output = Vec<Id>> + Send + 'static) {
        let ended = AssertUnwindSafe(work).catch_unwind().map(Result::unwrap_or_default);
        self.tasks.push(ended.boxed());
    }

    fn forget(&mut self, ids: Vec<Id>) {
        for id in ids {
            // Unless the next request has it already.
            if let Entry::Occupied(over) = self.running.entry(id)
                && over.get().is_cancelled()
            {
                over.remove();
            }
        }
    }

    async fn send(&mut self, line: Bytes) {
        // With the writer gone the stream ends at the next step of its loop.
        let _ = self.out.send(line).await;
    }

    async fn refuse(&mut self, id: Option<&Id>, refusal: &Refusal) {
        self.send(refuse(id, refusal).into_body()).await;
    }

    async fn on_line(&mut self, line: Line) {
        let text = match line {
            Line::Text(text) => text,
            Line::TooLong => {
                let reason = format!("a line has up to {LINE_MAX} bytes");
                return self.refuse(None, &Refusal::NotAMessage { reason }).await;
            }
        };
        if batch::is_batch(&text) {
            return self.on_batch(&text).await;
        }
        match parse(&text) {
            Ok(Message::Request(request)) => self.on_request(request).await,
            Ok(Message::Notification(told)) => self.on_notification(&told).await,
            Ok(Message::Response(response)) => self.on_response(response),
            Err(error) => self.refuse(id_of(&error), &batch::malformed(&error)).await,
        }
    }

    fn on_response(&self, response: Response) {
        if let Some(client) = &self.client {
            client.on_response(response);
        }
    }

    async fn on_notification(&mut self, told: &Notification) {
        match &*told.method {
            "notifications/initialized" => self.on_initialized().await,
            "notifications/cancelled" => {
                let request = told.params.as_ref().and_then(cancelled_id);
                if let Some(cancel) = request.and_then(|id| self.running.get(&id)) {
                    cancel.cancel();
                }
            }
            // Those of a peer that floods are dropped.
            _ if self.tasks.len() < IN_FLIGHT_MAX => {
                let bare = self.version.is_none();
                let notified =
                    self.service.notify(told, if bare { Hop::Modern } else { Hop::Legacy });
                self.begin(notified.map(|()| Vec::new()));
            }
            _ => {}
        }
    }

    async fn on_initialized(&mut self) {
        if self.version.is_some() && self.herald.is_none() {
            let unasked = Unasked::of(&self.service, &self.seen).await;
            self.herald = Some(Herald::new(unasked, self.out.clone()));
        }
    }

    async fn on_request(&mut self, request: Request) {
        let id = request.id.clone();
        match self.place(request) {
            Ok(placed) => self.start(placed),
            Err(refusal) => self.refuse(Some(&id), &refusal).await,
        }
    }

    /// Classifies a request and takes a place for it.
    fn place(&mut self, request: Request) -> Result<Placed, Refusal> {
        let asked = Asked::of(&request)?;
        let era = era_of(&request.method, &asked, None)?;
        let method = self.service.method_of(&request.method, era)?;
        if self.running.len() >= IN_FLIGHT_MAX {
            return Err(Refusal::Overloaded { limit: IN_FLIGHT_MAX });
        }
        let cancel = CancellationToken::new();
        match self.running.entry(request.id.clone()) {
            Entry::Vacant(place) => {
                place.insert(cancel.clone());
            }
            Entry::Occupied(mut over) if over.get().is_cancelled() => {
                over.insert(cancel.clone());
            }
            Entry::Occupied(_) => {
                let reason = "a request of this id is under way".to_owned();
                return Err(Refusal::NotAMessage { reason });
            }
        }
        if let (Method::Initialize, Asked::Other { params, .. }) = (method, &asked) {
            let version = negotiate(params);
            self.version = Some(version);
            let client = Client::greeted(params, version);
            self.service = self.service.clone().greeted(&client);
            self.client = Some(Arc::new(client));
            self.herald = None;
            self.service.catch_up(&self.seen);
        }
        Ok((Job { request, asked, era, method }, cancel))
    }

    fn start(&mut self, (job, cancel): Placed) {
        let (service, out) = (self.service.clone(), self.out.clone());
        let (seen, closing) = (self.seen.clone(), self.closing.clone());
        let client = self.client.clone();
        self.begin(async move {
            let id = job.request.id.clone();
            if job.method == Method::Listen {
                subscribe(&service, &job, &out, &cancel, &closing).await;
                cancel.cancel();
            } else if let Some(line) =
                answered(&service, job, &peer(&seen, &out, client.as_deref()), &cancel).await
            {
                cancel.cancel();
                let _ = out.send(line).await;
            }
            vec![id]
        });
    }

    async fn on_batch(&mut self, text: &Bytes) {
        let members = match (self.version, batch::split(text)) {
            (Some(batch::VERSION), Ok(members)) => members,
            (Some(batch::VERSION), Err(refusal)) => return self.refuse(None, &refusal).await,
            _ => return self.refuse(None, &batch::refused()).await,
        };
        let (mut placed, mut answers) = (Vec::new(), Vec::new());
        for member in members {
            match member {
                Ok(Message::Request(request)) => {
                    let id = request.id.clone();
                    match self.place_in_batch(request) {
                        Ok(job) => placed.push(job),
                        Err(refusal) => answers.push(refuse(Some(&id), &refusal).into_body()),
                    }
                }
                Ok(Message::Notification(told)) => self.on_notification(&told).await,
                Ok(Message::Response(response)) => self.on_response(response),
                Err(error) => {
                    answers.push(refuse(id_of(&error), &batch::malformed(&error)).into_body());
                }
            }
        }
        let (service, out, seen) = (self.service.clone(), self.out.clone(), self.seen.clone());
        let client = self.client.clone();
        self.begin(async move {
            let (ids, over): (Vec<Id>, Vec<_>) =
                placed.iter().map(|(job, cancel)| (job.request.id.clone(), cancel.clone())).unzip();
            let all = placed.into_iter().map(|(job, cancel)| {
                let (service, peer) = (&service, peer(&seen, &out, client.as_deref()));
                async move { answered(service, job, &peer, &cancel).await }
            });
            answers.extend(futures_util::future::join_all(all).await.into_iter().flatten());
            over.iter().for_each(CancellationToken::cancel);
            if let Some(line) = batch::join(&answers) {
                let _ = out.send(line).await;
            }
            ids
        });
    }

    /// As `place`, for requests that may stand in a batch.
    fn place_in_batch(&mut self, request: Request) -> Result<Placed, Refusal> {
        if matches!(&*request.method, "initialize" | "subscriptions/listen") {
            let reason = format!("`{}` must not be in a batch", request.method);
            return Err(Refusal::NotAMessage { reason });
        }
        self.place(request)
    }
}

/// The peer of a stream, for one request.
fn peer<'a>(seen: &'a Seen, out: &'a mpsc::Sender<Bytes>, client: Option<&'a Client>) -> Peer<'a> {
    Peer { seen: Some(seen), out: Some(out), client }
}

/// The answer, unless the request is taken back before.
async fn answered(
    service: &Service,
    job: Job,
    peer: &Peer<'_>,
    cancel: &CancellationToken,
) -> Option<Bytes> {
    let seen = peer.seen.filter(|_| job.era == Era::Legacy);
    let peer = Peer { seen, ..*peer };
    tokio::select! {
        biased;
        answer = service.answer(job, &peer) => Some(answer.into_body()),
        () = cancel.cancelled() => None,
    }
}

async fn subscribe(
    service: &Service,
    job: &Job,
    out: &mpsc::Sender<Bytes>,
    cancel: &CancellationToken,
    closing: &CancellationToken,
) {
    let id = &job.request.id;
    let filter = match Filter::read(&job.asked) {
        Ok(filter) => filter,
        Err(refusal) => return drop(out.send(refuse(Some(id), &refusal).into_body()).await),
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => {}
        () = listen::serve(service, id, filter, out, closing) => {
            // On a stream that goes on, the end is told twice (basic/patterns/cancellation).
            let params = [br#"{"requestId":"#, id.as_json(), b"}"].concat();
            let _ = out.send(notification("notifications/cancelled", Some(&params))).await;
        }
    }
}

/// The request that `notifications/cancelled` takes back.
pub(super) fn cancelled_id(params: &Bytes) -> Option<Id> {
    Id::from_raw(Members::read(params).ok()?.get("requestId")?.clone())
}

/// The id of a message that could not be read, if that much could be.
pub(super) fn id_of(error: &Malformed) -> Option<&Id> {
    match error {
        Malformed::Shape { id, .. } => id.as_ref(),
        Malformed::Syntax(_) => None,
    }
}

/// Writes one message a line until there are no more, or the peer is gone.
async fn write<W: AsyncWrite + Unpin>(mut output: W, mut waiting: mpsc::Receiver<Bytes>) {
    let (mut lines, mut batch) = (Vec::new(), Vec::new());
    while waiting.recv_many(&mut lines, LINES_AT_ONCE).await > 0 {
        for line in lines.drain(..) {
            if batch.len() + line.len() > BATCH {
                if output.write_all(&batch).await.is_err() {
                    return;
                }
                batch.clear();
            }
            if line.len() < BATCH {
                batch.extend_from_slice(&line);
            } else if output.write_all(&line).await.is_err() {
                return;
            }
            batch.push(b'\n');
        }
        if output.write_all(&batch).await.is_err() || output.flush().await.is_err() {
            return;
        }
        batch.clear();
        batch.shrink_to(KEPT);
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;

//! This file is the ruler beside the gateway: a forwarder in one thread, the least that anybody with a pipe
//! to a server has to do. It is no gateway, and leaves undone all that makes one.
//!
//! It trusts everybody: clients and the server write a message a line, `"id"` before all that could hold
//! another one, and heads with a `content-length`. It reads no JSON, checks nothing, limits nothing, knows no
//! sessions and starts nothing again. A list is answered from memory once the very same request had an
//! answer. What it does is told by files beside it: finding messages in bytes (`framing.rs`), whose turn it
//! is (`asked.rs`), reading and writing (`flow.rs`), the server and its pipes (`server.rs`).

mod asked;
mod flow;
mod framing;
mod server;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::{Context as _, Result};
use memchr::memchr;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventFlags};
use rustix::io::retry_on_intr;

use self::asked::{Asked, Lists};
use self::flow::{Answer, Inbox, Outbox, watch};
use self::framing::{Door, Marks, number};
use self::server::Server;

/// What is ready, as epoll tells it; clients are counted from the last of these.
const HTTP: u64 = 0;
const UNIX: u64 = 1;
const ANSWERS: u64 = 2;
const REQUESTS: u64 = 3;
const CLIENTS: u64 = 4;
/// The most that is taken from epoll at one time.
const EVENTS: usize = 1024;

/// One connection.
struct Client {
    inbox: Inbox,
    outbox: Outbox,
}

/// Everything there is.
struct Floor {
    epoll: OwnedFd,
    http: TcpListener,
    unix: Option<UnixListener>,
    server: Server,
    /// Nobody gets the place of one who has left: an answer that comes late finds nobody.
    clients: Vec<Option<Client>>,
    /// Who has an answer that is not written yet.
    answered: Vec<usize>,
    asked: Asked,
    lists: Lists,
    marks: Marks,
}

/// Carries messages until the server ends; the first line of stdout is the address.
pub(crate) fn run(http: SocketAddr, unix: Option<&Path>, server: &[String]) -> Result<()> {
    let mut floor = Floor::open(http, unix, server)?;
    writeln!(std::io::stdout(), "{}", floor.http.local_addr()?)?;
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        events.clear();
        retry_on_intr(|| epoll::wait(&floor.epoll, spare_capacity(&mut events), None))?;
        for event in &events {
            floor.on_ready(event.data.u64(), event.flags)?;
        }
        floor.flush()?;
    }
}

impl Floor {
    fn open(http: SocketAddr, unix: Option<&Path>, server: &[String]) -> Result<Self> {
        let server = Server::start(server)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let http = TcpListener::bind(http).context("failed to listen")?;
        watch(&epoll, &http, HTTP, EventFlags::IN)?;
        let unix = unix.map(UnixListener::bind).transpose().context("failed to open the socket")?;
        if let Some(unix) = &unix {
            watch(&epoll, unix, UNIX, EventFlags::IN)?;
        }
        watch(&epoll, &server.answers, ANSWERS, EventFlags::IN)?;
        watch(&epoll, server.requests.fd(), REQUESTS, EventFlags::empty())?;
        let (clients, answered) = (Vec::new(), Vec::new());
        let (asked, lists, marks) = (Asked::default(), Lists::default(), Marks::default());
        Ok(Self { epoll, http, unix, server, clients, answered, asked, lists, marks })
    }

    fn on_ready(&mut self, what: u64, flags: EventFlags) -> Result<()> {
        match what {
            HTTP => {
                let (stream, _) = self.http.accept()?;
                stream.set_nodelay(true)?;
                self.greet(stream.into(), Door::Http)
            }
            UNIX => match &self.unix {
                Some(unix) => {
                    let (stream, _) = unix.accept()?;
                    self.greet(stream.into(), Door::Unix)
                }
                None => Ok(()),
            },
            ANSWERS => self.on_answers(),
            REQUESTS => {
                self.server.requests.unblock();
                Ok(())
            }
            client => {
                self.on_client(usize::try_from(client - CLIENTS)?, flags);
                Ok(())
            }
        }
    }

    fn greet(&mut self, stream: OwnedFd, door: Door) -> Result<()> {
        rustix::io::ioctl_fionbio(&stream, true)?;
        watch(&self.epoll, &stream, token(self.clients.len()), EventFlags::IN)?;
        let client = Client { inbox: Inbox::new(door), outbox: Outbox::new(stream) };
        self.clients.push(Some(client));
        Ok(())
    }

    fn on_client(&mut self, at: usize, flags: EventFlags) {
        let Some(Some(client)) = self.clients.get_mut(at) else { return };
        if flags.contains(EventFlags::OUT) {
            client.outbox.unblock();
            self.answered.push(at);
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            match client.inbox.read(client.outbox.fd()) {
                Ok(true) => self.carry(at),
                // Gone. What it has asked for is answered to nobody.
                Ok(false) | Err(_) => self.clients[at] = None,
            }
        }
    }

    /// Carries what a client has asked for to the server, as far as it is whole.
    fn carry(&mut self, at: usize) {
        let Self { clients, answered, asked, lists, marks, server, .. } = self;
        let Some(Some(Client { inbox, outbox })) = clients.get_mut(at) else { return };
        while let Some(message) = inbox.next(marks) {
            let body = inbox.body(&message);
            let Some(id) = marks.id(body) else {
                if !body.is_empty() {
                    server.requests.push(&[body, b"\n"]);
                }
                if inbox.door() == Door::Http {
                    outbox.push(&[message.without_answer()]);
                    answered.push(at);
                }
                continue;
            };
            let (before, after) = (&body[..id.start], &body[id.end..]);
            let is_list = marks.is_list(body);
            if is_list && let Some(kept) = lists.find(before, after) {
                let answer = Answer { before: kept.0, id: &body[id], after: kept.1 };
                // Whoever has left is found out by the next reading.
                let _ = outbox.answer(inbox.door(), &answer);
                answered.push(at);
                continue;
            }
            let list = is_list.then(|| [before, after].concat());
            let own = asked.put(at, &body[id], list);
            server.requests.push_numbered(before, own, after);
            server.requests.push(&[b"\n"]);
            inbox.wait();
        }
        inbox.compact();
    }

    /// Carries what the server has answered to those who asked.
    fn on_answers(&mut self) -> Result<()> {
        self.server.read()?;
        let input = std::mem::take(&mut self.server.input);
        let (mut from, mut scanned) = (0, self.server.scanned);
        while let Some(end) = memchr(b'\n', &input[scanned..]) {
            let end = scanned + end + 1;
            self.on_answer(&input[from..end]);
            (from, scanned) = (end, end);
        }
        self.server.input = input;
        self.server.used(from);
        Ok(())
    }

    /// A line, its end included.
    fn on_answer(&mut self, line: &[u8]) {
        let Some(id) = self.marks.id(line) else { return };
        let own = number(&line[id.clone()]);
        let Some(slot) = own.and_then(|own| self.asked.take(own)) else { return };
        let (before, after) = (&line[..id.start], &line[id.end..]);
        if let Some(list) = slot.list.take() {
            self.lists.keep(list, before, after);
        }
        let at = slot.client;
        let Some(Some(Client { inbox, outbox })) = self.clients.get_mut(at) else { return };
        // Whoever has left is found out by the next reading.
        let _ = outbox.answer(inbox.door(), &Answer { before, id: &slot.id, after });
        self.answered.push(at);
        if inbox.go_on() {
            self.carry(at);
        }
    }

    /// Writes what has come together: to the server first, which can begin then.
    fn flush(&mut self) -> Result<()> {
        let Self { epoll, server, clients, answered, .. } = self;
        server.requests.flush(epoll, REQUESTS, EventFlags::empty())?;
        for at in answered.drain(..) {
            let Some(Some(client)) = clients.get_mut(at) else { continue };
            if client.outbox.flush(epoll, token(at), EventFlags::IN).is_err() {
                clients[at] = None;
            }
        }
        Ok(())
    }
}

/// How epoll tells of a client.
fn token(at: usize) -> u64 {
    CLIENTS + at as u64
}

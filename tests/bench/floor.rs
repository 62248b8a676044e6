//! This file is the ruler beside the gateway: a forwarder in one thread, the least that anybody with a pipe
//! to each server has to do. It is no gateway, and leaves undone all that makes one.
//!
//! It trusts everybody: clients and servers write a message a line, `"id"` before all that could hold
//! another one, and heads with a `content-length`. It reads no JSON, checks nothing, limits nothing, knows no
//! sessions and starts nothing again. Of several servers, which are all the same, each has a turn; who is meant
//! is not looked for. A list is answered from memory once the very same request had an
//! answer. What it does is told by files beside it: finding messages in bytes (`framing.rs`), whose turn it
//! is (`asked.rs`), reading and writing (`flow.rs`), a server and its pipes (`server.rs`).

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

/// How epoll tells what is ready: the doors, then two for each server, then clients.
const HTTP: u64 = 0;
const UNIX: u64 = 1;
const SERVERS: u64 = 2;
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
    servers: Vec<Server>,
    /// The server whose turn it is.
    turn: usize,
    /// Which have a request that is not written yet.
    requested: Vec<usize>,
    /// Nobody gets the place of one who has left: an answer that comes late finds nobody.
    clients: Vec<Option<Client>>,
    /// Who has an answer that is not written yet.
    answered: Vec<usize>,
    asked: Asked,
    lists: Lists,
    marks: Marks,
}

/// Carries messages to so many servers until one of them ends; the first line of stdout is the address.
pub(crate) fn run(
    http: SocketAddr,
    unix: Option<&Path>,
    servers: usize,
    server: &[String],
) -> Result<()> {
    let starting = (0..servers).map(|_| Server::start(server));
    let mut floor = Floor::open(http, unix, starting.collect::<Result<_>>()?)?;
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
    fn open(http: SocketAddr, unix: Option<&Path>, servers: Vec<Server>) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let http = TcpListener::bind(http).context("failed to listen")?;
        watch(&epoll, &http, HTTP, EventFlags::IN)?;
        let unix = unix.map(UnixListener::bind).transpose().context("failed to open the socket")?;
        if let Some(unix) = &unix {
            watch(&epoll, unix, UNIX, EventFlags::IN)?;
        }
        for (number, server) in servers.iter().enumerate() {
            watch(&epoll, &server.answers, answers(number), EventFlags::IN)?;
            watch(&epoll, server.requests.fd(), requests(number), EventFlags::empty())?;
        }
        Ok(Self {
            epoll,
            http,
            unix,
            servers,
            turn: 0,
            requested: Vec::new(),
            clients: Vec::new(),
            answered: Vec::new(),
            asked: Asked::default(),
            lists: Lists::default(),
            marks: Marks::default(),
        })
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
            other => {
                let (number, servers) = (usize::try_from(other - SERVERS)?, self.servers.len());
                match (number / 2, number % 2) {
                    (server, 0) if server < servers => return self.on_answers(server),
                    (server, _) if server < servers => {
                        self.servers[server].requests.unblock();
                        self.requested.push(server);
                    }
                    _ => self.on_client(number - 2 * servers, flags),
                }
                Ok(())
            }
        }
    }

    fn greet(&mut self, stream: OwnedFd, door: Door) -> Result<()> {
        rustix::io::ioctl_fionbio(&stream, true)?;
        let token = client(self.servers.len(), self.clients.len());
        watch(&self.epoll, &stream, token, EventFlags::IN)?;
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

    /// Carries what a client has asked for to the servers, as far as it is whole.
    fn carry(&mut self, at: usize) {
        let Self { clients, answered, asked, lists, marks, servers, turn, requested, .. } = self;
        let Some(Some(Client { inbox, outbox })) = clients.get_mut(at) else { return };
        while let Some(message) = inbox.next(marks) {
            let body = inbox.body(&message);
            let Some(id) = marks.id(body) else {
                if !body.is_empty() {
                    servers[*turn].requests.push(&[body, b"\n"]);
                    requested.push(*turn);
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
            let server = &mut servers[*turn];
            server.requests.push_numbered(before, own, after);
            server.requests.push(&[b"\n"]);
            requested.push(*turn);
            *turn = (*turn + 1) % servers.len();
            inbox.wait();
        }
        inbox.compact();
    }

    /// Carries what a server has answered to those who asked.
    fn on_answers(&mut self, server: usize) -> Result<()> {
        let it = &mut self.servers[server];
        it.read()?;
        let (mut from, mut scanned) = (0, it.scanned);
        let input = std::mem::take(&mut it.input);
        while let Some(end) = memchr(b'\n', &input[scanned..]) {
            let end = scanned + end + 1;
            self.on_answer(&input[from..end]);
            (from, scanned) = (end, end);
        }
        let it = &mut self.servers[server];
        it.input = input;
        it.used(from);
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

    /// Writes what has come together: to servers first, which can begin then.
    fn flush(&mut self) -> Result<()> {
        let Self { epoll, servers, requested, clients, answered, .. } = self;
        for number in requested.drain(..) {
            let server = &mut servers[number];
            server.requests.flush(epoll, requests(number), EventFlags::empty())?;
        }
        for at in answered.drain(..) {
            let Some(Some(Client { outbox, .. })) = clients.get_mut(at) else { continue };
            if outbox.flush(epoll, client(servers.len(), at), EventFlags::IN).is_err() {
                clients[at] = None;
            }
        }
        Ok(())
    }
}

/// How epoll tells that a server has answered.
fn answers(server: usize) -> u64 {
    SERVERS + 2 * server as u64
}

/// How it tells that a server takes more.
fn requests(server: usize) -> u64 {
    answers(server) + 1
}

/// How it tells of a client, where there are so many servers.
fn client(servers: usize, at: usize) -> u64 {
    answers(servers) + at as u64
}

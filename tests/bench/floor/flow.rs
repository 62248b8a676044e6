//! This file reads from clients and writes to them and to the server: as much at one time as there is, and
//! the rest later. It leaves what is carried to `floor.rs`.

use std::io::{self, IoSlice, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::{Errno, read, retry_on_intr, writev};

use super::framing::{Door, Marks, Message};

/// Room for what a client sends at one time, at least.
const ROOM: usize = 64 * 1024;
/// From here on, in bytes, an answer is written from where it lies.
const LONG: usize = 16 * 1024;

/// Has epoll tell of this.
pub(super) fn watch(
    epoll: &OwnedFd,
    what: impl AsFd,
    token: u64,
    flags: EventFlags,
) -> io::Result<()> {
    Ok(epoll::add(epoll, what, EventData::new_u64(token), flags)?)
}

/// Reads what there is, up to the room that there is at least, or more; false at the end.
pub(super) fn read_into(
    bytes: &mut Vec<u8>,
    room: usize,
    from: BorrowedFd<'_>,
) -> io::Result<bool> {
    bytes.reserve(room);
    match retry_on_intr(|| read(from, spare_capacity(bytes))) {
        Ok(count) => Ok(count > 0),
        Err(Errno::AGAIN) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// What a client has sent.
pub(super) struct Inbox {
    door: Door,
    bytes: Vec<u8>,
    used: usize,
    /// Whether the next request has to wait: HTTP has answers in the order of requests.
    waits: bool,
}

impl Inbox {
    pub(super) fn new(door: Door) -> Self {
        Self { door, bytes: Vec::new(), used: 0, waits: false }
    }

    pub(super) fn door(&self) -> Door {
        self.door
    }

    /// Reads what has come; false once the client has left.
    pub(super) fn read(&mut self, from: BorrowedFd<'_>) -> io::Result<bool> {
        read_into(&mut self.bytes, ROOM, from)
    }

    /// The next message whose turn it is.
    pub(super) fn next(&mut self, marks: &Marks) -> Option<Message> {
        if self.waits {
            return None;
        }
        let from = self.used;
        let mut message = marks.message(&self.bytes[from..], self.door)?;
        self.used += message.end;
        message.body = from + message.body.start..from + message.body.end;
        Some(message)
    }

    /// The bytes of a message that was the next.
    pub(super) fn body(&self, message: &Message) -> &[u8] {
        &self.bytes[message.body.clone()]
    }

    /// A request is under way.
    pub(super) fn wait(&mut self) {
        self.waits = self.door == Door::Http;
    }

    /// It is answered; whether there is more already.
    pub(super) fn go_on(&mut self) -> bool {
        std::mem::take(&mut self.waits) && !self.bytes.is_empty()
    }

    /// Forgets the messages that are done.
    pub(super) fn compact(&mut self) {
        self.bytes.drain(..self.used);
        self.used = 0;
    }
}

/// An answer in parts: the client's id, and what the server has written before and after its own, the end
/// of the line included.
pub(super) struct Answer<'a> {
    pub(super) before: &'a [u8],
    pub(super) id: &'a [u8],
    pub(super) after: &'a [u8],
}

/// What is to be written.
pub(super) struct Outbox {
    to: OwnedFd,
    bytes: Vec<u8>,
    written: usize,
    /// Whether the other side took less than it was given.
    is_blocked: bool,
    /// Whether epoll will tell when it takes more.
    is_watched: bool,
}

impl Outbox {
    pub(super) fn new(to: OwnedFd) -> Self {
        Self { to, bytes: Vec::new(), written: 0, is_blocked: false, is_watched: false }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.to.as_fd()
    }

    /// Puts these behind what waits.
    pub(super) fn push(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    /// The same with a number in the middle.
    pub(super) fn push_numbered(&mut self, before: &[u8], number: usize, after: &[u8]) {
        self.push(&[before]);
        let _ = write!(self.bytes, "{number}"); // memory takes all
        self.push(&[after]);
    }

    /// Puts an answer behind what waits, and writes all if it is a long one.
    pub(super) fn answer(&mut self, door: Door, answer: &Answer<'_>) -> io::Result<()> {
        let Answer { before, id, mut after } = *answer;
        if door == Door::Http {
            after = after.strip_suffix(b"\n").unwrap_or(after);
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
            self.push_numbered(head, before.len() + id.len() + after.len(), b"\r\n\r\n");
        }
        self.push(&[before, id]);
        if self.is_blocked || after.len() < LONG {
            self.push(&[after]);
            return Ok(());
        }
        self.write(after)
    }

    /// The other side takes more.
    pub(super) fn unblock(&mut self) {
        self.is_blocked = false;
    }

    /// Writes what waits, unless the other side is known to take nothing, and sees to it that epoll tells
    /// when it does; `reading` is what else epoll tells of it.
    pub(super) fn flush(
        &mut self,
        epoll: &OwnedFd,
        token: u64,
        reading: EventFlags,
    ) -> io::Result<()> {
        if !self.is_blocked && !self.bytes.is_empty() {
            self.write(&[])?;
        }
        if self.is_blocked != self.is_watched {
            self.is_watched = self.is_blocked;
            let flags = if self.is_blocked { reading | EventFlags::OUT } else { reading };
            epoll::modify(epoll, &self.to, EventData::new_u64(token), flags)?;
        }
        Ok(())
    }

    /// Writes what waits and `more` at once. What the other side does not take waits.
    fn write(&mut self, more: &[u8]) -> io::Result<()> {
        let waiting = &self.bytes[self.written..];
        let parts = [IoSlice::new(waiting), IoSlice::new(more)];
        let parts = if more.is_empty() { &parts[..1] } else { &parts[..] };
        let taken = match retry_on_intr(|| writev(&self.to, parts)) {
            Ok(taken) => taken,
            Err(Errno::AGAIN) => 0,
            Err(error) => return Err(error.into()),
        };
        match taken.checked_sub(waiting.len()) {
            Some(of_more) => {
                self.bytes.clear();
                self.written = 0;
                self.bytes.extend_from_slice(&more[of_more..]);
            }
            None => {
                self.written += taken;
                self.bytes.extend_from_slice(more);
            }
        }
        self.is_blocked = !self.bytes.is_empty();
        Ok(())
    }
}

//! This file keeps what a session was sent, so that a stream which broke can be taken up again.
//!
//! Pure: it knows no clock and no channel. It leaves waiting to `replay`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// The stream of what is said unasked. Every answer has a stream of its own.
pub(super) const NEWS: u64 = 0;
/// The most messages that are kept for a session beside those that wait for a reader.
const KEPT: usize = 256;
/// The most bytes of them.
const KEPT_BYTES: usize = 1024 * 1024;
/// They are kept for this long.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Messages that wait for a slow reader before whoever has more waits as well.
const WAITING: usize = 64;

/// All that is kept for one session.
#[derive(Debug)]
pub(super) struct Tape {
    events: VecDeque<Event>,
    bytes: usize,
    tracks: BTreeMap<u64, Track>,
    /// The number of the last message; no two messages of a session have the same.
    last: u64,
    last_stream: u64,
}

#[derive(Debug)]
struct Event {
    stream: u64,
    number: u64,
    at: Instant,
    message: Bytes,
}

/// One stream.
#[derive(Debug, Default)]
struct Track {
    /// The last message that a reader has taken.
    read: u64,
    /// How many readers it had; the last one counts.
    readers: u64,
    attached: bool,
    /// Whether there will be no more messages.
    over: bool,
    /// The last message that is not kept any more.
    dropped: u64,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A message and its number.
    Message(u64, Bytes),
    /// Nothing yet.
    Nothing,
    /// Nothing any more: the stream is over, or somebody else reads it now.
    End,
}

/// Somebody who reads a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    stream: u64,
    reader: u64,
    /// The last message that was read.
    after: u64,
    /// Whether something that came after that is not kept any more.
    missed: bool,
}

impl Seat {
    /// Which stream it reads.
    pub(super) fn stream(self) -> u64 {
        self.stream
    }

    /// Which of its readers it is.
    pub(super) fn reader(self) -> u64 {
        self.reader
    }

    /// The last message that was read; 0 before the first one.
    pub(super) fn after(self) -> u64 {
        self.after
    }

    /// Whether something between what was read and what comes is not kept any more.
    pub(super) fn missed(self) -> bool {
        self.missed
    }
}

impl Default for Tape {
    fn default() -> Self {
        let tracks = BTreeMap::from([(NEWS, Track::default())]);
        Self { events: VecDeque::new(), bytes: 0, tracks, last: 0, last_stream: NEWS }
    }
}

impl Tape {
    /// A new stream for an answer.
    pub(super) fn begin(&mut self) -> u64 {
        self.last_stream += 1;
        self.tracks.insert(self.last_stream, Track::default());
        self.last_stream
    }

    /// Whether somebody reads this stream.
    pub(super) fn is_read(&self, stream: u64) -> bool {
        self.tracks.get(&stream).is_some_and(|track| track.attached)
    }

    /// From now on this is who reads a stream, and nobody else: from what came after that message,
    /// or from what nobody has read. `None` if nothing is known of that stream (any more).
    pub(super) fn attach(&mut self, stream: u64, after: Option<u64>) -> Option<Seat> {
        let track = self.tracks.get_mut(&stream)?;
        if after.is_some_and(|after| after > self.last) {
            return None;
        }
        track.readers += 1;
        track.attached = true;
        track.read = after.unwrap_or(track.read);
        let missed = track.dropped > track.read;
        Some(Seat { stream, reader: track.readers, after: track.read, missed })
    }

    /// A reader is gone.
    pub(super) fn detach(&mut self, seat: Seat, now: Instant) {
        if let Some(track) = self.tracks.get_mut(&seat.stream)
            && track.readers == seat.reader
        {
            track.attached = false;
        }
        self.trim(now);
    }

    /// Whether a message of this stream need not wait.
    pub(super) fn has_room(&self, stream: u64) -> bool {
        let Some(track) = self.tracks.get(&stream).filter(|track| track.attached) else {
            return true;
        };
        let unread = |event: &&Event| event.stream == stream && event.number > track.read;
        self.events.iter().filter(unread).count() < WAITING
    }

    /// A message of a stream.
    pub(super) fn append(&mut self, stream: u64, message: Bytes, now: Instant) {
        if !self.tracks.contains_key(&stream) {
            return;
        }
        self.last += 1;
        self.bytes += message.len();
        self.events.push_back(Event { stream, number: self.last, at: now, message });
        self.trim(now);
    }

    /// There will be no more messages of a stream.
    pub(super) fn finish(&mut self, stream: u64, now: Instant) {
        if let Some(track) = self.tracks.get_mut(&stream) {
            track.over = true;
        }
        self.trim(now);
    }

    /// What comes next for a reader.
    pub(super) fn next(&mut self, seat: &mut Seat, now: Instant) -> Next {
        let track = self.tracks.get_mut(&seat.stream);
        let Some(track) = track.filter(|track| track.readers == seat.reader) else {
            return Next::End;
        };
        let unread = |event: &&Event| event.stream == seat.stream && event.number > seat.after;
        let Some(event) = self.events.iter().find(unread) else {
            return if track.over { Next::End } else { Next::Nothing };
        };
        let (number, message) = (event.number, event.message.clone());
        (seat.after, track.read) = (number, number);
        self.trim(now);
        Next::Message(number, message)
    }

    /// Drops what is too much or too old, the oldest first, and forgets streams that are over and of
    /// which nothing is left. What waits for a reader who is there stays.
    pub(super) fn trim(&mut self, now: Instant) {
        let Self { events, tracks, bytes, .. } = self;
        loop {
            let can_go = |event: &Event| {
                let track = tracks.get(&event.stream);
                track.is_none_or(|track| !track.attached || event.number <= track.read)
            };
            let Some(at) = events.iter().position(can_go) else { break };
            let old = events.get(at).is_some_and(|event| now - event.at >= KEPT_FOR);
            if events.len() <= KEPT && *bytes <= KEPT_BYTES && !old {
                break;
            }
            let Some(event) = events.remove(at) else { break };
            *bytes -= event.message.len();
            if let Some(track) = tracks.get_mut(&event.stream) {
                track.dropped = event.number;
            }
        }
        let left = |stream: u64| events.iter().any(|event| event.stream == stream);
        tracks.retain(|stream, track| !track.over || track.attached || left(*stream));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tape: &mut Tape, seat: &mut Seat) -> String {
        let mut texts = Vec::new();
        loop {
            match tape.next(seat, Instant::now()) {
                Next::Message(_, text) => texts.push(String::from_utf8(text.to_vec()).unwrap()),
                Next::Nothing => break,
                Next::End => {
                    texts.push("|".to_owned());
                    break;
                }
            }
        }
        texts.join(" ")
    }

    fn say(tape: &mut Tape, stream: u64, text: &str) {
        tape.append(stream, Bytes::copy_from_slice(text.as_bytes()), Instant::now());
    }

    #[test]
    fn a_stream_is_taken_up_after_the_message_that_is_named() {
        let mut tape = Tape::default();
        let (one, two) = (tape.begin(), tape.begin());
        let mut seat = tape.attach(one, None).unwrap();
        for (stream, text) in [(one, "a"), (two, "x"), (one, "b"), (NEWS, "n"), (one, "c")] {
            say(&mut tape, stream, text);
        }
        let Next::Message(after_a, _) = tape.next(&mut seat, Instant::now()) else { panic!() };
        assert_eq!(texts(&mut tape, &mut seat), "b c");
        let mut again = tape.attach(one, Some(after_a)).unwrap();
        assert_eq!(texts(&mut tape, &mut again), "b c");
        assert_eq!(tape.next(&mut seat, Instant::now()), Next::End, "only one reads");
        say(&mut tape, one, "d");
        tape.finish(one, Instant::now());
        assert_eq!(texts(&mut tape, &mut again), "d |");
        tape.detach(again, Instant::now());
        let mut late = tape.attach(one, Some(after_a)).unwrap();
        assert_eq!(texts(&mut tape, &mut late), "b c d |", "the answer may have been lost");
        let mut other = tape.attach(two, None).unwrap();
        assert_eq!(texts(&mut tape, &mut other), "x");
    }

    #[test]
    fn what_nobody_has_read_waits_for_the_next_reader() {
        let mut tape = Tape::default();
        say(&mut tape, NEWS, "a");
        let mut seat = tape.attach(NEWS, None).unwrap();
        assert_eq!(texts(&mut tape, &mut seat), "a");
        tape.detach(seat, Instant::now());
        say(&mut tape, NEWS, "b");
        let mut seat = tape.attach(NEWS, None).unwrap();
        assert_eq!(texts(&mut tape, &mut seat), "b");
    }

    #[test]
    fn a_reader_who_was_replaced_takes_nothing_away_by_leaving() {
        let mut tape = Tape::default();
        let old = tape.attach(NEWS, None).unwrap();
        let mut new = tape.attach(NEWS, Some(old.after())).unwrap();
        tape.detach(old, Instant::now());
        assert!(tape.is_read(NEWS));
        say(&mut tape, NEWS, "a");
        assert_eq!(texts(&mut tape, &mut new), "a");
    }

    #[test]
    fn numbers_that_were_never_given_and_streams_that_are_gone_are_not_known() {
        let mut tape = Tape::default();
        let stream = tape.begin();
        assert_eq!(tape.attach(7, None), None);
        assert_eq!(tape.attach(stream, Some(99)), None);
        tape.finish(stream, Instant::now());
        assert_eq!(tape.attach(stream, Some(0)), None, "it had nothing to say");
        assert!(tape.attach(NEWS, Some(0)).is_some());
    }

    #[test]
    fn the_oldest_go_first_and_what_waits_for_a_reader_stays() {
        let mut tape = Tape::default();
        let (old, live) = (tape.begin(), tape.begin());
        for number in 0..10 {
            say(&mut tape, old, &number.to_string());
        }
        tape.finish(old, Instant::now());
        let mut seat = tape.attach(live, None).unwrap();
        for _ in 0..KEPT {
            say(&mut tape, live, "x");
        }
        assert_eq!(tape.attach(old, Some(0)), None, "all of it was dropped");
        assert_eq!(tape.events.len(), KEPT);
        assert!(!tape.has_room(live));
        assert_eq!(texts(&mut tape, &mut seat).len(), 2 * KEPT - 1);
        assert!(tape.has_room(live));
        let big = "y".repeat(KEPT_BYTES + 1);
        say(&mut tape, live, &big);
        assert_eq!(tape.bytes, big.len(), "it waits, and nothing beside it is kept");
        assert_eq!(texts(&mut tape, &mut seat), big);
        assert_eq!((tape.bytes, tape.events.len()), (0, 0));
    }

    #[test]
    fn a_reader_knows_whether_it_has_missed_something() {
        let mut tape = Tape::default();
        for number in 0..=KEPT {
            say(&mut tape, NEWS, &number.to_string());
        }
        let missed = |tape: &mut Tape, after| tape.attach(NEWS, after).unwrap().missed();
        assert!(missed(&mut tape, None), "the first one");
        assert!(!missed(&mut tape, Some(1)), "which was number 1");
    }

    #[test]
    fn nothing_is_kept_for_ever() {
        let mut tape = Tape::default();
        let (stream, begun) = (tape.begin(), Instant::now());
        tape.append(stream, "a".into(), begun);
        tape.finish(stream, begun);
        tape.trim(begun + KEPT_FOR - Duration::from_secs(1));
        assert_eq!(tape.events.len(), 1);
        tape.trim(begun + KEPT_FOR);
        assert_eq!((tape.events.len(), tape.tracks.len()), (0, 1));
    }
}

//! This file listens to a server of the newer revisions: one long request for all that is wanted.
//!
//! Where more or less is wanted, the next request is under way before the last one ends, so that
//! nothing is missed between them. It leaves passing on what is heard to `keeper`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::downstream::{CallFailure, Coming, Lane, Ticket};
use super::keeper::{Mouth, Noticed, at};
use crate::model::{Addresses, Answer, Hearing, Settled, Tells, Told};
use crate::wire::{LogLevel, Outcome, json_strings};

/// Waits before a request that has ended is made again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// One that lasted so long was fine.
const STEADY: Duration = Duration::from_secs(10);
/// How long a server may take to acknowledge it.
const LIMIT: Duration = Duration::from_secs(10);

/// A request under way. Dropping it ends it.
struct Open {
    ticket: Ticket,
    answer: Coming,
    addresses: Addresses,
    since: Instant,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.ticket.cancel();
    }
}

/// How it stands between us and the server.
struct Listening<'a> {
    lane: &'a Lane,
    mouth: &'a mut Mouth,
    current: Option<Open>,
    next: Option<Open>,
    /// Of these resources it tells.
    kept: BTreeSet<Arc<str>>,
    /// What it refused to be asked for.
    refused: Option<Addresses>,
    level: Option<LogLevel>,
    /// When the next try is due that follows a failure, and the wait after that.
    again: Option<Instant>,
    wait: Duration,
    /// Whether something may have been missed since the last request ended.
    gap: bool,
}

/// Listens as long as there is something to listen to.
pub(super) async fn listen(lane: &Lane, hearing: &Hearing, mouth: &mut Mouth) {
    let mut wishes = hearing.wishes.clone();
    let mut listening = Listening {
        lane,
        mouth,
        current: None,
        next: None,
        kept: BTreeSet::new(),
        refused: None,
        level: None,
        again: None,
        wait: AGAIN.0,
        gap: false,
    };
    loop {
        let wish = listening.mouth.wish(lane, &wishes.borrow_and_update());
        listening.note_level(wish.level);
        listening.go_for(&wish.resources);
        let late = listening.next.as_ref().map(|open| open.since + LIMIT);
        let Listening { mouth, current, next, again, .. } = &mut listening;
        tokio::select! {
            () = lane.closed() => return,
            changed = wishes.changed() => if changed.is_err() { return },
            end = end_of(next) => listening.on_failed(&end),
            end = end_of(current) => listening.on_end(&end),
            // A server that says nothing about it may well tell all the same.
            () = at(late) => listening.on_all_granted(),
            () = at(*again) => listening.again = None,
            noticed = mouth.run() => match noticed {
                Noticed::Acknowledged { ticket, addresses } => {
                    if listening.next.as_ref().is_some_and(|open| open.ticket.number() == ticket) {
                        listening.on_acknowledged(addresses.into_iter().collect());
                    }
                }
                // Perhaps the acknowledgement: what was asked for counts as granted.
                Noticed::Missed => listening.on_all_granted(),
            },
        }
    }
}

/// How a request ended.
enum End {
    /// It may be made again.
    Passing,
    /// The server will not have it, and says so in an error or not.
    Refused(Option<Bytes>),
}

async fn end_of(open: &mut Option<Open>) -> End {
    let Some(open) = open else { return std::future::pending().await };
    match (&mut open.answer).await {
        Ok(Ok(Answer { outcome: Outcome::Error(error), .. })) => End::Refused(Some(error)),
        Ok(Err(CallFailure::Http { status, .. })) if status < 500 => End::Refused(None),
        Ok(_) | Err(_) => End::Passing,
    }
}

impl Listening<'_> {
    /// Each call says itself from which level on it wants log messages.
    fn note_level(&mut self, wanted: Option<LogLevel>) {
        if let Some(level) = wanted.filter(|level| self.level != Some(*level)) {
            self.level = Some(level);
            self.mouth.outbox.fact(Told::LevelSet(level));
        }
    }

    /// Makes the request that is wanted, if it is not under way.
    fn go_for(&mut self, wanted: &Addresses) {
        let offers = self.lane.offers();
        if !offers.subscriptions {
            for address in wanted.iter().filter(|address| !self.kept.contains(*address)) {
                let (address, settled) = (Arc::clone(address), Settled::NotOffered);
                self.mouth.outbox.fact(Told::Settled { address, settled });
            }
            self.kept = BTreeSet::clone(wanted); // told once
        }
        let addresses = if offers.subscriptions { Arc::clone(wanted) } else { Arc::default() };
        if self.next.is_some() || self.again.is_some() {
            return;
        }
        if offers.tells == Tells::default() && addresses.is_empty() {
            self.current = None;
            self.refused = None;
            self.keep(BTreeSet::new());
            return;
        }
        let same = |known: &Addresses| *known == addresses;
        let under_way = self.current.as_ref().is_some_and(|open| same(&open.addresses));
        if under_way || self.refused.as_ref().is_some_and(same) {
            return;
        }
        match self.lane.begin("subscriptions/listen", filter(offers.tells, &addresses)) {
            Ok((ticket, answer)) => {
                self.refused = None;
                self.next = Some(Open { ticket, answer, addresses, since: Instant::now() });
            }
            Err(_) => self.try_later(),
        }
    }

    fn on_acknowledged(&mut self, granted: BTreeSet<Arc<str>>) {
        let Some(open) = self.next.take() else { return };
        for address in open.addresses.iter().filter(|address| !self.kept.contains(*address)) {
            let settled =
                if granted.contains(address) { Settled::Kept } else { Settled::NotOffered };
            self.mouth.outbox.fact(Told::Settled { address: Arc::clone(address), settled });
        }
        if std::mem::take(&mut self.gap) {
            self.lane.gauges().lists_changed.send_modify(|count| *count += 1);
            self.mouth.outbox.missed();
        }
        let granted = granted.intersection(&open.addresses).cloned().collect();
        self.keep(granted);
        self.current = Some(open); // and with that the one before ends
    }

    fn on_all_granted(&mut self) {
        if let Some(open) = &self.next {
            let all = BTreeSet::clone(&open.addresses);
            self.on_acknowledged(all);
        }
    }

    /// What was asked for was not acknowledged; the request before it goes on.
    fn on_failed(&mut self, end: &End) {
        let Some(open) = self.next.take() else { return };
        let fate = match end {
            End::Passing => Settled::Unanswered,
            End::Refused(Some(error)) => Settled::Refused(error.clone()),
            End::Refused(None) => Settled::NotOffered,
        };
        for address in open.addresses.iter().filter(|address| !self.kept.contains(*address)) {
            let (address, settled) = (Arc::clone(address), fate.clone());
            self.mouth.outbox.fact(Told::Settled { address, settled });
        }
        match end {
            End::Passing => {
                self.gap = true;
                self.try_later();
            }
            End::Refused(_) => self.refused = Some(Arc::clone(&open.addresses)),
        }
    }

    /// A request that was acknowledged ended without our doing.
    fn on_end(&mut self, end: &End) {
        let Some(open) = self.current.take() else { return };
        self.gap = true;
        self.keep(BTreeSet::new());
        if open.since.elapsed() >= STEADY {
            self.wait = AGAIN.0;
        }
        match end {
            End::Passing => self.try_later(),
            End::Refused(_) => self.refused = Some(Arc::clone(&open.addresses)),
        }
    }

    fn try_later(&mut self) {
        self.again = Some(Instant::now() + self.wait);
        self.wait = (self.wait * 2).min(AGAIN.1);
    }

    fn keep(&mut self, kept: BTreeSet<Arc<str>>) {
        self.lane.gauges().subscribed.store(kept.len(), Ordering::Relaxed);
        self.kept = kept;
    }
}

/// What is to be told of.
fn filter(tells: Tells, addresses: &BTreeSet<Arc<str>>) -> Bytes {
    let lists = [
        (tells.tools, "toolsListChanged"),
        (tells.prompts, "promptsListChanged"),
        (tells.resources, "resourcesListChanged"),
    ];
    let wishes = lists.iter().filter(|(tells, _)| *tells);
    let mut wishes: Vec<String> = wishes.map(|(_, list)| format!(r#""{list}":true"#)).collect();
    if !addresses.is_empty() {
        let all = json_strings(addresses);
        wishes.push(format!(r#""resourceSubscriptions":{}"#, String::from_utf8_lossy(&all)));
    }
    Bytes::from(format!(r#""notifications":{{{}}}"#, wishes.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tells: Tells, addresses: &[&str], expected: &str) {
        let addresses = addresses.iter().map(|it| (*it).into()).collect();
        assert_eq!(filter(tells, &addresses), expected);
    }

    #[test]
    fn the_filter_names_what_the_server_tells_of_and_what_is_wanted() {
        let tells = Tells { tools: true, prompts: false, resources: true };
        check(
            tells,
            &[],
            r#""notifications":{"toolsListChanged":true,"resourcesListChanged":true}"#,
        );
        check(
            Tells::default(),
            &["a:/b", "c\"d"],
            r#""notifications":{"resourceSubscriptions":["a:/b","c\"d"]}"#,
        );
    }
}

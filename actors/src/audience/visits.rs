//! This file keeps who waits for the ends of which visits: addresses that a server asked a person to go
//! to (MCP 2025-11-25, client/elicitation, URL mode).
//!
//! Pure. Visits that are asked for in a call, and end in it, are told to that call and not known here.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::book::ListenerId;
use crate::model::{InstanceId, Principal};

/// A visit: who asks for it, and its name there.
pub(super) type Visit = (InstanceId, Arc<str>);

/// The most that one listener waits for; the oldest make room.
const MOST: usize = 256;
/// An end may come before the word that somebody waits for it, by so much.
const EARLY: Duration = Duration::from_secs(2);
/// So many of those are kept.
const EARLY_MOST: usize = 1024;

/// All visits that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Visits {
    /// Who, and on whose behalf.
    waiting: HashMap<Visit, (Principal, BTreeSet<ListenerId>)>,
    /// What each listener waits for, oldest first.
    of: HashMap<ListenerId, VecDeque<Visit>>,
    /// What has ended just now, and nobody heard of.
    early: VecDeque<(Instant, Visit)>,
}

impl Visits {
    /// Somebody waits for the end of a visit from `now` on. Returns whether it has come already. A
    /// server may ask all alike by one name; then all of the principal hear that was asked last.
    pub(super) fn wait(
        &mut self,
        id: ListenerId,
        principal: &Principal,
        visit: Visit,
        now: Instant,
    ) -> bool {
        if self.early.iter().any(|(at, early)| *early == visit && now - *at < EARLY) {
            return true;
        }
        let fresh = || (principal.clone(), BTreeSet::new());
        let waiting = self.waiting.entry(visit.clone()).or_insert_with(fresh);
        if waiting.0 != *principal {
            *waiting = fresh();
        }
        waiting.1.insert(id);
        let of = self.of.entry(id).or_default();
        of.retain(|known| *known != visit);
        of.push_back(visit);
        let oldest = if of.len() > MOST { of.pop_front() } else { None };
        if let Some(oldest) = oldest {
            self.forget(id, &oldest);
        }
        false
    }

    /// A visit has ended at `now`; returns who waited for that. `heard` if a call has heard of it.
    pub(super) fn ended(
        &mut self,
        visit: Visit,
        heard: bool,
        now: Instant,
    ) -> BTreeSet<ListenerId> {
        let (_, hearers) = self.waiting.remove(&visit).unzip();
        let hearers = hearers.unwrap_or_default();
        for id in &hearers {
            if let Some(of) = self.of.get_mut(id) {
                of.retain(|known| *known != visit);
            }
        }
        self.early.retain(|(at, _)| now - *at < EARLY);
        if self.early.len() >= EARLY_MOST {
            self.early.pop_front();
        }
        if hearers.is_empty() && !heard {
            self.early.push_back((now, visit));
        }
        hearers
    }

    /// A listener is gone.
    pub(super) fn leave(&mut self, id: ListenerId) {
        for visit in self.of.remove(&id).unwrap_or_default() {
            self.forget(id, &visit);
        }
    }

    fn forget(&mut self, id: ListenerId, visit: &Visit) {
        let Some((_, ids)) = self.waiting.get_mut(visit) else { return };
        ids.remove(&id);
        if ids.is_empty() {
            self.waiting.remove(visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::shared;

    fn visit(server: &str, id: &str) -> Visit {
        (shared(server), id.into())
    }

    /// Steps `1:a/x` (a listener waits for a visit), `a/x` (it ends; `a/x!` if a call was told), `-1` (the listener leaves), `+`
    /// (two seconds pass); even listeners are of another principal. Who hears what.
    #[track_caller]
    fn check(steps: &str, expected: &str) {
        let (mut visits, mut now) = (Visits::default(), Instant::now());
        let mut heard = Vec::new();
        let named =
            |name: &str| name.split_once('/').map(|(server, id)| visit(server, id)).unwrap();
        for step in steps.split(' ') {
            if let Some(id) = step.strip_prefix('-') {
                visits.leave(id.parse().unwrap());
            } else if step == "+" {
                now += EARLY;
            } else if let Some((id, name)) = step.split_once(':') {
                let id: ListenerId = id.parse().unwrap();
                let others = Principal::Delegated("others".into());
                let principal = if id.is_multiple_of(2) { others } else { Principal::Local };
                if visits.wait(id, &principal, named(name), now) {
                    heard.push(format!("{id}:{name}"));
                }
            } else {
                let (name, in_call) = step.strip_suffix('!').map_or((step, false), |it| (it, true));
                let ids = visits.ended(named(name), in_call, now);
                heard.extend(ids.into_iter().map(|id| format!("{id}:{name}")));
            }
        }
        assert_eq!(heard.join(" "), expected, "{steps}");
        assert!(visits.waiting.values().all(|(_, ids)| !ids.is_empty()), "{steps}");
    }

    #[test]
    fn who_waits_hears_once() {
        check("1:a/x 3:a/y 1:a/y a/x a/x a/y", "1:a/x 1:a/y 3:a/y");
        check("1:a/x b/x a/y", "");
        check("1:a/x -1 a/x", "");
    }

    #[test]
    fn nobody_else_hears_but_the_principal_that_was_asked_last() {
        check("1:a/x 2:a/x a/x", "2:a/x");
        check("1:a/x 2:a/x 3:a/x 5:a/x a/x", "3:a/x 5:a/x");
    }

    #[test]
    fn an_end_may_come_a_little_too_early() {
        check("a/x 1:a/x", "1:a/x");
        check("a/x + 1:a/x a/x", "1:a/x");
        check("a/x! 1:a/x", "");
        check("1:a/x a/x 1:a/x", "1:a/x");
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let (mut visits, now) = (Visits::default(), Instant::now());
        for n in 0..=MOST {
            visits.wait(1, &Principal::Local, visit("a", &n.to_string()), now);
        }
        assert_eq!((visits.waiting.len(), visits.of[&1].len()), (MOST, MOST));
        assert!(visits.ended(visit("a", "0"), true, now).is_empty());
        for n in 0..2 * EARLY_MOST {
            visits.ended(visit("b", &n.to_string()), false, now);
        }
        assert_eq!(visits.early.len(), EARLY_MOST);
        visits.leave(1);
        assert!(visits.waiting.is_empty() && visits.of.is_empty());
    }
}

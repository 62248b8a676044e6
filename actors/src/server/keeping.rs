//! This file decides what a server of the older revisions has to be told so that it says what callers
//! want to hear.
//!
//! Pure: it asks nobody; what was answered comes in, the next step goes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Settled, Told, Wish};
use crate::wire::LogLevel;

/// Questions under way at once, so that many subscriptions do not crowd out calls.
const PARALLEL: usize = 16;

/// How it stands with one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// It was asked to tell.
    Asking,
    /// It tells.
    Kept,
    /// It will not tell.
    Refused,
    /// It was asked to tell no more.
    Leaving,
    /// It did not answer and is asked again.
    Later,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask it this.
    Ask(Question),
    /// Nothing is to be asked; this is how it is.
    Tell(Told),
}

/// What it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// To tell of updates of this resource.
    Subscribe(Arc<str>),
    /// To tell of them no more.
    Unsubscribe(Arc<str>),
    /// For log messages from this level on.
    SetLevel(LogLevel),
}

/// What one session with a server has been asked for.
#[derive(Debug)]
pub(super) struct Keeping {
    /// Whether it tells of updates at all.
    subscriptions: bool,
    /// Whether its level can be set.
    logging: bool,
    stands: BTreeMap<Arc<str>, Stand>,
    level: Option<LogLevel>,
    setting: bool,
}

impl Keeping {
    /// A session that was asked for nothing yet.
    pub(super) fn new(subscriptions: bool, logging: bool) -> Self {
        Self { subscriptions, logging, stands: BTreeMap::new(), level: None, setting: false }
    }

    /// The next step towards `wish`, which counts as taken; call until there is none.
    pub(super) fn next(&mut self, wish: &Wish) -> Option<Step> {
        if let Some(step) = self.next_level(wish) {
            return Some(step);
        }
        let busy = |stand: &&Stand| matches!(stand, Stand::Asking | Stand::Leaving);
        if self.stands.values().filter(busy).count() >= PARALLEL {
            return None;
        }
        self.stands.retain(|address, stand| {
            !matches!(stand, Stand::Refused | Stand::Later) || wish.resources.contains(address)
        });
        let wanted = wish.resources.iter().find(|address| !self.stands.contains_key(*address));
        if let Some(address) = wanted {
            if !self.subscriptions {
                self.stands.insert(Arc::clone(address), Stand::Refused);
                let (address, settled) = (Arc::clone(address), Settled::NotOffered);
                return Some(Step::Tell(Told::Settled { address, settled }));
            }
            self.stands.insert(Arc::clone(address), Stand::Asking);
            return Some(Step::Ask(Question::Subscribe(Arc::clone(address))));
        }
        let unwanted = |(address, stand): (&Arc<str>, &mut Stand)| {
            let over = *stand == Stand::Kept && !wish.resources.contains(address);
            over.then(|| {
                *stand = Stand::Leaving;
                Step::Ask(Question::Unsubscribe(Arc::clone(address)))
            })
        };
        self.stands.iter_mut().find_map(unwanted)
    }

    fn next_level(&mut self, wish: &Wish) -> Option<Step> {
        // When nobody asks any more, others may still hear what they hear without asking.
        let wanted = wish.level.or(self.level.map(|_| LogLevel::UNSAID))?;
        if self.setting || self.level == Some(wanted) {
            return None;
        }
        self.level = Some(wanted);
        if !self.logging {
            return Some(Step::Tell(Told::LevelSet(wanted)));
        }
        self.setting = true;
        Some(Step::Ask(Question::SetLevel(wanted)))
    }

    /// It has answered, or not, whether it will tell of `address`.
    pub(super) fn on_subscribed(&mut self, address: Arc<str>, settled: Settled) -> Told {
        let stand = match settled {
            Settled::Kept => Stand::Kept,
            Settled::NotOffered | Settled::Refused(_) => Stand::Refused,
            Settled::Unanswered => Stand::Later,
        };
        self.stands.insert(Arc::clone(&address), stand);
        Told::Settled { address, settled }
    }

    /// Whatever it answered: it is not counted on any more.
    pub(super) fn on_unsubscribed(&mut self, address: &str) {
        self.stands.remove(address);
    }

    /// It has answered about the level; a refusal is its own affair.
    pub(super) fn on_level(&mut self, level: LogLevel) -> Told {
        self.setting = false;
        Told::LevelSet(level)
    }

    /// Those who did not answer may be asked again.
    pub(super) fn retry(&mut self) {
        self.stands.retain(|_, stand| *stand != Stand::Later);
    }

    /// Resources of which it tells.
    pub(super) fn kept(&self) -> usize {
        self.stands.values().filter(|stand| **stand == Stand::Kept).count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn wish(resources: &[&str], level: Option<LogLevel>) -> Wish {
        let resources = Arc::new(resources.iter().map(|it| (*it).into()).collect());
        Wish { resources, level, ..Wish::default() }
    }

    /// All steps towards a wish, in short.
    fn steps(keeping: &mut Keeping, wish: &Wish) -> String {
        let steps = std::iter::from_fn(|| keeping.next(wish));
        let word = |step| match step {
            Step::Ask(Question::Subscribe(address)) => format!("+{address}"),
            Step::Ask(Question::Unsubscribe(address)) => format!("-{address}"),
            Step::Ask(Question::SetLevel(level)) => level.to_string(),
            Step::Tell(told) => format!("{told:?}"),
        };
        steps.map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_wanted_is_asked_for_once_and_given_up_when_nobody_wants_it() {
        let mut keeping = Keeping::new(true, true);
        let both = wish(&["a", "b"], Some(LogLevel::Error));
        assert_eq!(steps(&mut keeping, &both), "error +a +b");
        assert_eq!(steps(&mut keeping, &both), "");
        keeping.on_subscribed("a".into(), Settled::Kept);
        keeping.on_subscribed("b".into(), Settled::Kept);
        keeping.on_level(LogLevel::Error);
        assert_eq!(keeping.kept(), 2);
        assert_eq!(steps(&mut keeping, &wish(&["b"], Some(LogLevel::Debug))), "debug -a");
        keeping.on_unsubscribed("a");
        keeping.on_level(LogLevel::Debug);
        assert_eq!(steps(&mut keeping, &wish(&["a", "b"], None)), "info +a");
    }

    #[test]
    fn a_level_is_never_set_before_the_last_one_was_answered() {
        let mut keeping = Keeping::new(true, true);
        assert_eq!(steps(&mut keeping, &wish(&[], Some(LogLevel::Info))), "info");
        assert_eq!(steps(&mut keeping, &wish(&[], Some(LogLevel::Debug))), "");
        assert_eq!(keeping.on_level(LogLevel::Info), Told::LevelSet(LogLevel::Info));
        assert_eq!(steps(&mut keeping, &wish(&[], Some(LogLevel::Debug))), "debug");
    }

    #[test]
    fn a_server_that_can_do_neither_is_asked_for_nothing() {
        let mut keeping = Keeping::new(false, false);
        assert_eq!(
            steps(&mut keeping, &wish(&["a"], Some(LogLevel::Info))),
            r#"LevelSet(Info) Settled { address: "a", settled: NotOffered }"#
        );
        assert_eq!(steps(&mut keeping, &wish(&["a"], Some(LogLevel::Info))), "");
    }

    #[test]
    fn a_refusal_is_final_as_long_as_it_is_wanted_and_silence_is_not() {
        let mut keeping = Keeping::new(true, true);
        assert_eq!(steps(&mut keeping, &wish(&["a", "b"], None)), "+a +b");
        keeping.on_subscribed("a".into(), Settled::Refused("{}".into()));
        keeping.on_subscribed("b".into(), Settled::Unanswered);
        assert_eq!(steps(&mut keeping, &wish(&["a", "b"], None)), "");
        keeping.retry();
        assert_eq!(steps(&mut keeping, &wish(&["a", "b"], None)), "+b");
        assert_eq!(steps(&mut keeping, &wish(&["b"], None)), "");
        assert_eq!(steps(&mut keeping, &wish(&["a", "b"], None)), "+a", "asked for anew");
    }

    #[test]
    fn many_resources_are_asked_for_a_few_at_a_time() {
        let names: Vec<String> = (0..40).map(|n| format!("r{n:02}")).collect();
        let all = wish(&names.iter().map(String::as_str).collect::<Vec<_>>(), None);
        let mut keeping = Keeping::new(true, true);
        assert_eq!(steps(&mut keeping, &all).split(' ').count(), PARALLEL);
        keeping.on_subscribed("r00".into(), Settled::Kept);
        assert_eq!(steps(&mut keeping, &all), "+r16");
    }

    proptest! {
        /// Whatever is wanted in whatever order, in the end the server tells of exactly that.
        #[test]
        fn in_the_end_the_server_tells_of_what_is_wanted(
            wishes in proptest::collection::vec(proptest::collection::btree_set("[a-e]", 0..5), 1..12),
        ) {
            let mut keeping = Keeping::new(true, true);
            let mut tells = BTreeSet::new();
            let last = wishes.last().cloned().unwrap_or_default();
            for wanted in wishes {
                let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
                let wish = wish(&wanted, None);
                while let Some(step) = keeping.next(&wish) {
                    match step {
                        Step::Ask(Question::Subscribe(address)) => {
                            prop_assert!(tells.insert(address.to_string()), "asked twice");
                            keeping.on_subscribed(address, Settled::Kept);
                        }
                        Step::Ask(Question::Unsubscribe(address)) => {
                            prop_assert!(tells.remove(&*address), "never asked");
                            keeping.on_unsubscribed(&address);
                        }
                        Step::Ask(Question::SetLevel(_)) | Step::Tell(_) => prop_assert!(false),
                    }
                }
                prop_assert_eq!(keeping.kept(), tells.len());
            }
            prop_assert_eq!(tells, last);
        }
    }
}

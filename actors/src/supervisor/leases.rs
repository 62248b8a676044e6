//! This file decides who has which instance of a server that is not shared, who waits for one, and
//! which are to be ended.
//!
//! Pure: no actor, no clock. Every instance has a number of its own for good, and one holder: one that
//! was given up is ended and never held again. Starting and ending are the table's business.

use std::collections::{BTreeMap, VecDeque};

use conductor_config::ServerId;

use crate::model::{Generation, Holder, InstanceId};

/// The answer to whoever wants an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lease {
    /// It has one, or waits for one already.
    Known,
    /// Begin the one of this number.
    Begin(Generation),
    /// It gets one as soon as another has ended.
    Waits,
    /// As many as may have one do.
    Full,
}

/// What the end of an instance means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// It still had a holder: it ended by itself.
    pub(super) lost: Option<InstanceId>,
    /// These are to begin in its place.
    pub(super) begin: Vec<(Generation, InstanceId)>,
}

/// All instances.
#[derive(Debug, Default)]
pub(super) struct Leases {
    last: Generation,
    held: BTreeMap<InstanceId, Generation>,
    /// Those on their way out, and whose they are.
    ending: BTreeMap<Generation, ServerId>,
    waiting: VecDeque<InstanceId>,
}

impl Leases {
    /// Somebody wants an instance of a server that may have `max` of them.
    pub(super) fn ask(&mut self, id: &InstanceId, max: usize) -> Lease {
        if self.held.contains_key(id) || self.waiting.contains(id) {
            return Lease::Known;
        }
        let waiting = self.waiting.iter().filter(|other| other.server == id.server).count();
        let held = self.held_of(&id.server).count();
        if held + waiting >= max {
            return Lease::Full;
        }
        if waiting > 0 || held + self.ending_of(&id.server) >= max {
            self.waiting.push_back(id.clone());
            return Lease::Waits;
        }
        Lease::Begin(self.begin(id.clone()))
    }

    /// The holder of an instance, unless it is on its way out.
    pub(super) fn is_held(&self, number: Generation, id: &InstanceId) -> bool {
        self.held.get(id) == Some(&number)
    }

    /// Instances of a server that have a holder.
    pub(super) fn held_of(
        &self,
        server: &ServerId,
    ) -> impl Iterator<Item = (&InstanceId, Generation)> {
        let all = self.held.iter().filter(move |(id, _)| id.server == *server);
        all.map(|(id, number)| (id, *number))
    }

    /// This one is not needed any more; true if it is to be ended, which is told once.
    pub(super) fn release(&mut self, id: &InstanceId) -> Option<Generation> {
        let number = self.held.remove(id)?;
        self.ending.insert(number, id.server.clone());
        Some(number)
    }

    /// A holder is no more. Returns what is to be ended.
    pub(super) fn leave(&mut self, holder: &Holder) -> Vec<(Generation, InstanceId)> {
        self.release_all(|id| id.holder == *holder)
    }

    /// All of a server are to go. Returns what is to be ended, and who waits in vain.
    pub(super) fn dismiss(
        &mut self,
        server: &ServerId,
    ) -> (Vec<(Generation, InstanceId)>, Vec<InstanceId>) {
        let all = std::mem::take(&mut self.waiting).into_iter();
        let (in_vain, stay): (Vec<_>, Vec<_>) = all.partition(|id| id.server == *server);
        self.waiting = stay.into();
        (self.release_all(|id| id.server == *server), in_vain)
    }

    /// An instance has ended, by itself or because it was to. `max` says how many its server may have.
    pub(super) fn ended(&mut self, number: Generation, max: impl Fn(&ServerId) -> usize) -> Ended {
        let lost = self.held.iter().find(|(_, held)| **held == number).map(|(id, _)| id.clone());
        let server = match &lost {
            Some(id) => {
                self.held.remove(id);
                id.server.clone()
            }
            None => match self.ending.remove(&number) {
                Some(server) => server,
                None => return Ended::default(),
            },
        };
        let mut begin = Vec::new();
        while self.held_of(&server).count() + self.ending_of(&server) < max(&server)
            && let Some(at) = self.waiting.iter().position(|id| id.server == server)
            && let Some(id) = self.waiting.remove(at)
        {
            begin.push((self.begin(id.clone()), id));
        }
        Ended { lost, begin }
    }

    fn begin(&mut self, id: InstanceId) -> Generation {
        self.last = self.last.next();
        self.held.insert(id, self.last);
        self.last
    }

    fn ending_of(&self, server: &ServerId) -> usize {
        self.ending.values().filter(|of| *of == server).count()
    }

    fn release_all(
        &mut self,
        which: impl Fn(&InstanceId) -> bool,
    ) -> Vec<(Generation, InstanceId)> {
        self.waiting.retain(|id| !which(id));
        let all: Vec<InstanceId> = self.held.keys().filter(|id| which(id)).cloned().collect();
        all.into_iter().filter_map(|id| Some((self.release(&id)?, id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use proptest::prelude::*;

    use super::*;
    use crate::tests::id;

    fn of(server: &str, guest: u64) -> InstanceId {
        InstanceId::new(id(server), Holder::Guest(guest))
    }

    /// What comes of the steps, in short, where three may be held: `1` asks for guest 1, `-1` has it
    /// leave, `x2` is the end of instance 2, `!` has all go.
    #[track_caller]
    fn check(steps: &str, expected: &str) {
        let mut leases = Leases::default();
        let numbers = |all: &[(Generation, InstanceId)]| {
            all.iter()
                .map(|(number, id)| format!("{number}={}", id.holder))
                .collect::<Vec<_>>()
                .join("+")
        };
        let told = steps.split(' ').map(|step| match step.split_at(1) {
            ("-", guest) => {
                format!("end:{}", numbers(&leases.leave(&Holder::Guest(guest.parse().unwrap()))))
            }
            ("x", number) => {
                let ended = leases.ended(nth(number.parse().unwrap()), |_| 3);
                let lost = ended.lost.map_or(String::new(), |id| format!("lost {} ", id.holder));
                format!("{lost}begin:{}", numbers(&ended.begin))
            }
            ("!", _) => {
                let (all, in_vain) = leases.dismiss(&id("a"));
                format!("end:{} in-vain:{}", numbers(&all), in_vain.len())
            }
            _ => match leases.ask(&of("a", step.parse().unwrap()), 3) {
                Lease::Known => "known".to_owned(),
                Lease::Begin(number) => format!("begin {number}"),
                Lease::Waits => "waits".to_owned(),
                Lease::Full => "full".to_owned(),
            },
        });
        let told: Vec<String> = told.collect();
        assert_eq!(told.join(", ").replace("guest ", "g"), expected, "{steps}");
    }

    fn nth(number: usize) -> Generation {
        std::iter::successors(Some(Generation::default()), |last| Some(last.next()))
            .nth(number)
            .unwrap()
    }

    #[test]
    fn everybody_gets_one_of_their_own() {
        check("1 1 2 3 4", "begin 1, known, begin 2, begin 3, full");
    }

    #[test]
    fn who_leaves_makes_room_once_the_process_has_ended() {
        check(
            "1 2 3 -2 4 5 x2 x1",
            "begin 1, begin 2, begin 3, end:2=g2, waits, full, begin:4=g4, lost g1 begin:",
        );
    }

    #[test]
    fn one_that_ended_is_replaced_under_another_number() {
        check("1 x1 1 x1 x2", "begin 1, lost g1 begin:, begin 2, begin:, lost g1 begin:");
    }

    #[test]
    fn who_waits_and_leaves_gets_none() {
        check("1 2 3 -1 4 -4 x1", "begin 1, begin 2, begin 3, end:1=g1, waits, end:, begin:");
    }

    #[test]
    fn all_of_a_server_go_at_once() {
        check("1 2 ! 1", "begin 1, begin 2, end:1=g1+2=g2 in-vain:0, begin 3");
        check(
            "1 2 3 -3 4 !",
            "begin 1, begin 2, begin 3, end:3=g3, waits, end:1=g1+2=g2 in-vain:1",
        );
    }

    /// What may happen.
    #[derive(Debug, Clone)]
    enum Step {
        Ask(bool, u64),
        Leave(u64),
        Ends(usize),
        Dismiss(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => (any::<bool>(), 0..9_u64).prop_map(|(a, guest)| Step::Ask(a, guest)),
            2 => (0..9_u64).prop_map(Step::Leave),
            3 => (0..16_usize).prop_map(Step::Ends),
            1 => any::<bool>().prop_map(Step::Dismiss),
        ]
    }

    /// The processes that there are, as whoever carries the decisions out knows them.
    #[derive(Default)]
    struct World {
        leases: Leases,
        /// Who each was begun for, for good.
        begun: HashMap<Generation, InstanceId>,
        alive: BTreeSet<Generation>,
        told_to_end: BTreeSet<Generation>,
    }

    impl World {
        fn begin(&mut self, number: Generation, id: InstanceId) {
            assert!(self.begun.insert(number, id).is_none(), "a number is given out once");
            self.alive.insert(number);
        }

        fn end(&mut self, all: Vec<(Generation, InstanceId)>) {
            for (number, id) in all {
                assert_eq!(self.begun[&number], id, "it was this holder's");
                assert!(self.alive.contains(&number), "it is there");
                assert!(self.told_to_end.insert(number), "it is told to end once");
            }
        }

        fn take(&mut self, step: Step, max: usize) {
            let server = |first| if first { "a" } else { "b" };
            match step {
                Step::Ask(first, guest) => {
                    let id = of(server(first), guest);
                    if let Lease::Begin(number) = self.leases.ask(&id, max) {
                        self.begin(number, id);
                    }
                }
                Step::Leave(guest) => {
                    let all = self.leases.leave(&Holder::Guest(guest));
                    self.end(all);
                }
                Step::Dismiss(first) => {
                    let (all, _) = self.leases.dismiss(&id(server(first)));
                    self.end(all);
                }
                Step::Ends(at) => {
                    let Some(number) = self.alive.iter().nth(at).copied() else { return };
                    self.alive.remove(&number);
                    let ended = self.leases.ended(number, |_| max);
                    assert_eq!(ended.lost.is_some(), !self.told_to_end.contains(&number));
                    for (number, id) in ended.begin {
                        self.begin(number, id);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nobody_shares_none_are_too_many_and_nothing_is_left(
            steps in proptest::collection::vec(step(), 0..80),
            max in 1..4_usize,
        ) {
            let mut world = World::default();
            for step in steps {
                world.take(step, max);
                for server in ["a", "b"] {
                    let of_server = |number: &&Generation| world.begun[*number].server == id(server);
                    prop_assert!(world.alive.iter().filter(of_server).count() <= max);
                }
                let held: Vec<_> = world.leases.held.values().collect();
                let distinct: BTreeSet<_> = held.iter().collect();
                prop_assert_eq!(held.len(), distinct.len(), "one holder each");
                for (id, number) in &world.leases.held {
                    prop_assert_eq!(&world.begun[number], id);
                    prop_assert!(!world.told_to_end.contains(number));
                }
            }
            for guest in 0..9 {
                world.take(Step::Leave(guest), max);
            }
            prop_assert_eq!(&world.alive, &world.told_to_end.intersection(&world.alive).copied().collect());
            while !world.alive.is_empty() {
                world.take(Step::Ends(0), max);
            }
            prop_assert!(world.leases.held.is_empty());
            prop_assert!(world.leases.ending.is_empty());
            prop_assert!(world.leases.waiting.is_empty());
        }
    }
}

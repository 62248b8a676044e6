//! This file remembers who has asked under which id, and the answers to lists.
//! It leaves finding ids in messages to `framing.rs`.

/// What is under way, by the number that the server was given in place of the id.
#[derive(Debug, Default)]
pub(super) struct Asked {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

/// One request.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) client: usize,
    /// As the client wrote it.
    pub(super) id: Vec<u8>,
    /// The request without its id, where its answer is to be kept.
    pub(super) list: Option<Vec<u8>>,
    waits: bool,
}

impl Asked {
    /// Remembers a request; returns its number.
    pub(super) fn put(&mut self, client: usize, id: &[u8], list: Option<Vec<u8>>) -> usize {
        let own = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let slot = &mut self.slots[own];
        slot.id.clear();
        slot.id.extend_from_slice(id);
        (slot.client, slot.list, slot.waits) = (client, list, true);
        own
    }

    /// The request of this number, if it waits for an answer. It does not from now on.
    pub(super) fn take(&mut self, own: usize) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(own).filter(|slot| slot.waits)?;
        slot.waits = false;
        self.free.push(own);
        Some(slot)
    }
}

/// Answers to lists, ready made but for the id.
#[derive(Debug, Default)]
pub(super) struct Lists(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    asked: Vec<u8>,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Lists {
    /// What stands before and after the id of the answer to a request, of which this is around the id.
    pub(super) fn find(&self, before: &[u8], after: &[u8]) -> Option<(&[u8], &[u8])> {
        let is_it = |kept: &&Kept| {
            kept.asked.strip_prefix(before).is_some_and(|its_after| its_after == after)
        };
        self.0.iter().find(is_it).map(|kept| (kept.before.as_slice(), kept.after.as_slice()))
    }

    /// Keeps the first answer to a request.
    pub(super) fn keep(&mut self, asked: Vec<u8>, before: &[u8], after: &[u8]) {
        if self.0.iter().all(|kept| kept.asked != asked) {
            self.0.push(Kept { asked, before: before.to_vec(), after: after.to_vec() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_again_once_it_is_answered() {
        let mut asked = Asked::default();
        let (one, two) = (asked.put(7, b"1", None), asked.put(8, b"\"x\"", None));
        assert_ne!(one, two);
        let slot = asked.take(one).unwrap();
        assert_eq!((slot.client, slot.id.as_slice()), (7, b"1".as_slice()));
        assert_eq!(asked.put(9, b"longer", None), one);
        assert_eq!(asked.take(one).unwrap().id, b"longer");
        assert_eq!(asked.take(two).unwrap().id, b"\"x\"");
    }

    #[test]
    fn what_nobody_waits_for_is_not_found() {
        let mut asked = Asked::default();
        let own = asked.put(1, b"1", None);
        assert!(asked.take(own + 1).is_none());
        assert!(asked.take(own).is_some());
        assert!(asked.take(own).is_none());
        assert_ne!(asked.put(1, b"1", None), asked.put(1, b"2", None));
    }

    #[test]
    fn only_the_very_same_request_is_answered_from_memory() {
        let mut lists = Lists::default();
        lists.keep(b"ab".to_vec(), b"first", b"!");
        lists.keep(b"ab".to_vec(), b"second", b"!");
        assert_eq!(lists.find(b"a", b"b"), Some((b"first".as_slice(), b"!".as_slice())));
        for (before, after) in [("a", "bc"), ("a", ""), ("x", "b"), ("abc", "")] {
            assert_eq!(lists.find(before.as_bytes(), after.as_bytes()), None, "{before}, {after}");
        }
    }
}

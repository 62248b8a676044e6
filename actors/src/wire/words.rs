//! This file knows the keys that results are looked through for, and notes which of them a message has.
//!
//! Pure. A message is walked over once; so nobody has to look through it again for what is hardly ever
//! there. It leaves what a word means, and whether it stands where it means that, to its users.

/// A key that means something to a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Word {
    /// The address of a resource.
    Uri,
    /// The id of a task.
    TaskId,
    /// The member that says what a result is.
    ResultType,
    /// How long a result holds.
    TtlMs,
    /// Who else may be given a result.
    CacheScope,
    /// The member whose shape differs between revisions.
    StructuredContent,
}

/// Which words are keys in a message, at any depth, written without escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    once: u8,
    again: u8,
}

impl Words {
    /// None of them.
    pub const NONE: Self = Self { once: 0, again: 0 };
    /// Of a message that was not looked at: any of them, any number of times.
    pub const ANY: Self = Self { once: u8::MAX, again: u8::MAX };

    /// Whether this word may be there.
    pub fn may_have(self, word: Word) -> bool {
        self.once & bit(word) != 0
    }

    /// Whether it may be there more than once.
    pub fn may_have_again(self, word: Word) -> bool {
        self.again & bit(word) != 0
    }

    /// Notes a key, as it is written.
    #[inline]
    pub(super) fn note(&mut self, key: &[u8]) {
        // Most keys have another length than any of the words.
        if matches!(key.len(), 3 | 5 | 6 | 10 | 17) {
            self.note_known(key);
        }
    }

    fn note_known(&mut self, key: &[u8]) {
        let word = match key {
            b"uri" => Word::Uri,
            b"taskId" => Word::TaskId,
            b"resultType" => Word::ResultType,
            b"ttlMs" => Word::TtlMs,
            b"cacheScope" => Word::CacheScope,
            b"structuredContent" => Word::StructuredContent,
            _ => return,
        };
        self.again |= self.once & bit(word);
        self.once |= bit(word);
    }
}

fn bit(word: Word) -> u8 {
    1 << word as u8
}

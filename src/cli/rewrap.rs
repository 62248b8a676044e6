//! This file encrypts anew what stands encrypted in the text of a settings file, whatever its format,
//! and touches nothing else in it.
//!
//! Pure. It leaves files to `secrets.rs`.

use conductor_actors::credentials::Keyring;
use conductor_config::ENCRYPTED;

/// A text whose encrypted values are under the newest key, as far as that was possible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rewrapped {
    pub(super) text: String,
    /// How many values were encrypted anew.
    pub(super) done: usize,
    /// How many were under the newest key already.
    pub(super) kept: usize,
    /// The lines, from 1, of those that no key decrypts; they are as they were.
    pub(super) unreadable: Vec<usize>,
}

/// Encrypts every value in `text` anew that is not under the first of `keys`; `now` in seconds since
/// 1970. A value that cannot be encrypted counts as one that cannot be read.
pub(super) fn rewrapped(text: &str, keys: &Keyring, now: u64) -> Rewrapped {
    let mut found = Rewrapped::default();
    let mut rest = text;
    while let Some(at) = rest.find(ENCRYPTED) {
        let (before, value) = rest.split_at(at + ENCRYPTED.len());
        found.text.push_str(before);
        let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '=');
        let end = value.find(|c| !token(c)).unwrap_or(value.len());
        let (old, behind) = value.split_at(end);
        rest = behind;
        if old.is_empty() {
            continue; // words about such a value
        }
        let anew = match keys.first().decrypt(old) {
            Ok(_) => {
                found.kept += 1;
                None
            }
            Err(_) => {
                let plain = keys.decrypt(old).ok();
                let anew = plain.and_then(|plain| keys.first().encrypt(&plain, now).ok());
                match anew {
                    Some(_) => found.done += 1,
                    None => found.unreadable.push(found.text.matches('\n').count() + 1),
                }
                anew
            }
        };
        found.text.push_str(anew.as_deref().unwrap_or(old));
    }
    found.text.push_str(rest);
    found
}

#[cfg(test)]
mod tests {
    use conductor_actors::credentials::KeySource;

    use super::*;

    #[test]
    fn values_get_the_newest_key_in_every_format_and_all_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let source = KeySource::default();
        let old = Keyring::load_or_create(&source, dir.path()).unwrap();
        let sealed = |plain: &str| old.first().encrypt(plain, 0).unwrap();
        let (one, two) = (sealed("one"), sealed("two ä"));
        let keys = Keyring::add_key(&source, dir.path()).unwrap();
        let newest = keys.first().encrypt("three", 0).unwrap();
        let foreign = tempfile::tempdir().unwrap();
        let foreign = Keyring::load_or_create(&source, foreign.path()).unwrap();
        let foreign = foreign.first().encrypt("four", 0).unwrap();
        for (text, done, kept, unreadable) in [
            (format!("# encrypted: says it\nA = \"encrypted:{one}\"\n"), 1, 0, vec![]),
            (format!("{{\"a\":\"encrypted:{one}\",\"b\":\"encrypted:{two}\"}}"), 2, 0, vec![]),
            (format!("a: encrypted:{two}\nb: encrypted:{newest}"), 1, 1, vec![]),
            (format!("A=encrypted:{foreign}\nB=encrypted:{one}"), 1, 0, vec![1]),
            ("x\ny: encrypted:nonsense".to_owned(), 0, 0, vec![2]),
            ("nothing".to_owned(), 0, 0, vec![]),
        ] {
            let found = rewrapped(&text, &keys, 1);
            assert_eq!((found.done, found.kept, &found.unreadable), (done, kept, &unreadable));
            let again = rewrapped(&found.text, &keys, 2);
            assert_eq!((again.done, again.kept), (0, done + kept), "{text}");
            assert_eq!(again.text, found.text);
            let opened = found.text.split(ENCRYPTED).skip(1).filter_map(|rest| {
                let end = rest.find(['"', '\n']).unwrap_or(rest.len());
                keys.decrypt(&rest[..end]).ok()
            });
            let was = text.split(ENCRYPTED).skip(1).filter_map(|rest| {
                let end = rest.find(['"', '\n']).unwrap_or(rest.len());
                keys.decrypt(&rest[..end]).ok()
            });
            assert_eq!(opened.collect::<Vec<_>>(), was.collect::<Vec<_>>(), "{text}");
        }
    }
}

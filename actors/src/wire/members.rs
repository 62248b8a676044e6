//! This file takes one JSON object apart into its members, one level deep.
//!
//! It leaves what lies inside a member untouched and unread.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use super::text::{Lent, Text};
use super::walk;

/// Why a text could not be taken apart.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct MembersError(#[from] serde_json::Error);

/// One member of an object: its key, and its value as the JSON it was written as.
#[derive(Debug, Clone)]
pub struct Member {
    /// The key, unescaped.
    pub key: Text,
    /// The value, raw.
    pub value: Bytes,
}

/// The members of one JSON object in the order they were written; no key occurs twice.
#[derive(Debug, Clone, Default)]
pub struct Members(pub Vec<Member>);

impl Members {
    /// Reads `object`; fails if it is not well-formed JSON, not an object, or names a key twice
    /// (what was authorised must be what is forwarded).
    pub fn read(object: &Bytes) -> Result<Self, MembersError> {
        if let Some(members) = Self::walked(object) {
            return Ok(members);
        }
        let Pairs(pairs) = serde_json::from_slice(object)?;
        let member = |(key, value): (Cow<'_, str>, &RawValue)| Member {
            key: Text::from_part(object, key),
            value: object.slice_ref(value.get().as_bytes()),
        };
        Ok(Self(pairs.into_iter().map(member).collect()))
    }

    /// Reads `object` if it is as objects usually are: with few members, and no escape in a key.
    fn walked(object: &Bytes) -> Option<Self> {
        let mut members: Vec<Member> = Vec::new();
        let text = ByteString::try_from(object.clone()).ok()?;
        walk::members(&text, walk::AT_ONCE, |key, value| {
            if members.len() == FEW || members.iter().any(|member| *member.key == *key) {
                return None;
            }
            let key = Text::within(&text, key);
            members.push(Member { key, value: object.slice_ref(value.as_bytes()) });
            Some(())
        })?;
        Some(Self(members))
    }

    /// The raw value of `key`.
    pub fn get(&self, key: &str) -> Option<&Bytes> {
        self.0.iter().find(|member| *member.key == *key).map(|member| &member.value)
    }

    /// The value of `key` if it is a string.
    pub fn text(&self, key: &str) -> Option<Text> {
        Text::of_json(self.get(key)?)
    }

    /// Takes `key` out and returns its raw value.
    pub fn take(&mut self, key: &str) -> Option<Bytes> {
        let at = self.0.iter().position(|member| *member.key == *key)?;
        Some(self.0.remove(at).value)
    }

    /// Puts `value` in the place of `key`, or behind the others.
    pub fn set(&mut self, key: &str, value: Bytes) {
        match self.0.iter_mut().find(|member| *member.key == *key) {
            Some(member) => member.value = value,
            None => self.0.push(Member { key: Text::from(key), value }),
        }
    }

    /// Appends the object to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, member) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            super::write_json_string(out, &member.key);
            out.push(b':');
            out.extend_from_slice(&member.value);
        }
        out.push(b'}');
    }

    /// The object as JSON.
    pub fn to_json(&self) -> Bytes {
        let parts = self.0.iter().map(|member| member.key.len() + member.value.len() + 4);
        let mut out = Vec::with_capacity(parts.sum::<usize>() + 2);
        self.write(&mut out);
        Bytes::from(out)
    }
}

/// Keys and raw values in their order; no key may occur twice.
impl<K: AsRef<str>> FromIterator<(K, Bytes)> for Members {
    fn from_iter<I: IntoIterator<Item = (K, Bytes)>>(pairs: I) -> Self {
        let member = |(key, value): (K, Bytes)| Member { key: Text::from(key.as_ref()), value };
        Self(pairs.into_iter().map(member).collect())
    }
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                let mut seen = std::collections::HashSet::new();
                while let Some(Lent(key)) = map.next_key()? {
                    let doubled = if pairs.len() < FEW {
                        pairs.iter().any(|(known, _)| *known == key)
                    } else {
                        if seen.is_empty() {
                            seen.extend(pairs.iter().map(|(known, _)| known.clone()));
                        }
                        seen.contains(&key)
                    };
                    if doubled {
                        return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
                    }
                    if pairs.len() >= FEW {
                        seen.insert(key.clone());
                    }
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }

        from.deserialize_map(PairsVisitor)
    }
}

/// Up to so many members are compared one by one; beyond it a set keeps the cost linear.
const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Members, MembersError> {
        Members::read(&Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn values_keep_every_byte() {
        let members = read(r#"{"a": 1.0e2 , "b":{"x" : [ 1,2 ]},"\u0063":"\u00e9"}"#).unwrap();
        assert_eq!(members.get("a").unwrap(), "1.0e2");
        assert_eq!(members.get("b").unwrap(), r#"{"x" : [ 1,2 ]}"#);
        assert_eq!(members.get("c").unwrap(), r#""\u00e9""#);
        assert_eq!(members.text("c").unwrap().as_str(), "é");
    }

    #[test]
    fn a_key_given_twice_is_refused_also_when_escaped() {
        for json in [r#"{"name":1,"name":2}"#, r#"{"name":1,"n\u0061me":2}"#] {
            assert!(read(json).unwrap_err().to_string().contains("duplicate key"), "{json}");
        }
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for json in ["[]", "1", "null", "\"x\"", "{", "{}x", ""] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn deep_nesting_is_passed_over_without_recursion() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep).unwrap().get("a").unwrap().len(), 200_000);
    }

    proptest! {
        #[test]
        fn writing_what_was_read_gives_an_equal_object(
            keys in proptest::collection::btree_set(".{0,8}", 0..40),
        ) {
            let object: serde_json::Map<_, _> =
                keys.iter().enumerate().map(|(at, key)| (key.clone(), at.into())).collect();
            let json = serde_json::Value::Object(object).to_string();
            let written = read(&json).unwrap().to_json();
            let again: serde_json::Value = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(again, serde_json::from_str::<serde_json::Value>(&json).unwrap());
        }
    }
}

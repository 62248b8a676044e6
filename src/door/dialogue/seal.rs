//! This file puts what a client is to bring back under seal, so that only the same caller can bring
//! it, with the same request, and not for ever (MCP 2026-07-28, basic/patterns/mrtr, Security).
//!
//! Nothing in it can be read or changed by the client. It leaves what is sealed to others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use conductor_actors::Principal;
use conductor_actors::wire::{CallKind, CallParams, Text};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Context, Digest, SHA256};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

/// Marks what was sealed here, and how.
const PREFIX: &str = "c1.";

/// What a client brings back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::door) enum Sealed {
    /// The call that waits under this number.
    Parked(u64),
    /// What the server gave, raw.
    Server(Bytes),
    /// Nothing: the call is to be made again.
    Again,
}

/// Whom, and what for, something is sealed: a digest of the principal and the request.
pub(in crate::door) struct Bond(Digest);

/// What a request is about, as far as what is sealed is bound to that. Cheap to make.
pub(in crate::door) struct About {
    pub(in crate::door) kind: CallKind,
    pub(in crate::door) name: Text,
    arguments: Option<Bytes>,
}

impl About {
    pub(in crate::door) fn of(params: &CallParams) -> Self {
        let (kind, name) = (params.kind, params.name.clone());
        Self { kind, name, arguments: params.arguments().cloned() }
    }
}

impl Bond {
    /// Binds to `principal` and to what the request is about; the order of keys in its arguments
    /// does not matter.
    pub(in crate::door) fn new(principal: &Principal, about: &About) -> Self {
        let mut context = Context::new(&SHA256);
        let mut add = |part: &[u8]| {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        };
        add(principal.to_string().as_bytes());
        add(about.kind.method().as_bytes());
        add(about.name.as_bytes());
        let arguments = about.arguments.as_ref().and_then(|raw| serde_json::from_slice(raw).ok());
        let mut text = String::new();
        canonical(&arguments.unwrap_or(Value::Null), &mut text);
        add(text.as_bytes());
        Self(context.finish())
    }
}

/// Writes `value` with its keys in order.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (key, value) in members {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for value in values {
                canonical(value, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// The key of this process. What it has sealed cannot be opened by the next one, in which no call
/// waits any more.
pub(in crate::door) struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Seal {
    /// A new key.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub(in crate::door) fn new() -> Result<Self, Unspecified> {
        let random = SystemRandom::new();
        let mut key = [0; 32];
        random.fill(&mut key)?;
        Ok(Self { key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key)?), random })
    }

    /// Seals something until `expires`, in seconds since 1970.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub(in crate::door) fn close(
        &self,
        sealed: &Sealed,
        bond: &Bond,
        expires: u64,
    ) -> Result<String, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce)?;
        let mut text = expires.to_be_bytes().to_vec();
        match sealed {
            Sealed::Parked(number) => {
                text.push(b'p');
                text.extend_from_slice(&number.to_be_bytes());
            }
            Sealed::Server(state) => {
                text.push(b's');
                text.extend_from_slice(state);
            }
            Sealed::Again => text.push(b'a'),
        }
        let aad = Aad::from(bond.0.as_ref());
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text)?;
        let mut whole = nonce.to_vec();
        whole.append(&mut text);
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(whole)))
    }

    /// Opens what [`Self::close`] has sealed for the same bond, if `now` is not past its end. Why it
    /// cannot be opened is nobody's business.
    pub(in crate::door) fn open(&self, state: &str, bond: &Bond, now: u64) -> Option<Sealed> {
        let mut whole = URL_SAFE_NO_PAD.decode(state.strip_prefix(PREFIX)?).ok()?;
        let (nonce, text) = whole.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.key.open_in_place(nonce, Aad::from(bond.0.as_ref()), text).ok()?;
        let (expires, text) = text.split_first_chunk()?;
        if now >= u64::from_be_bytes(*expires) {
            return None;
        }
        match text.split_first()? {
            (b'p', number) => Some(Sealed::Parked(u64::from_be_bytes(number.try_into().ok()?))),
            (b's', state) => Some(Sealed::Server(Bytes::copy_from_slice(state))),
            (b'a', []) => Some(Sealed::Again),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bond(uid: u32, params: &str) -> Bond {
        let params = Bytes::copy_from_slice(params.as_bytes());
        Bond::new(&Principal::User(uid), &About::of(&CallParams::read(Some(&params)).unwrap()))
    }

    #[test]
    fn what_was_sealed_is_opened_for_the_same_caller_and_request_alone() {
        let seal = Seal::new().unwrap();
        let own = || bond(7, r#"{"name":"a.b","arguments":{"x":1,"y":[{"a":1,"b":2}]}}"#);
        for sealed in [Sealed::Parked(7), Sealed::Again, Sealed::Server("\"s\"".into())] {
            let state = seal.close(&sealed, &own(), 100).unwrap();
            assert_eq!(seal.open(&state, &own(), 99), Some(sealed));
            let turned = bond(7, r#"{"arguments":{"y":[{"b":2,"a":1}],"x":1},"name":"a.b"}"#);
            assert!(seal.open(&state, &turned, 99).is_some(), "the order of keys is free");
            for foreign in [
                bond(8, r#"{"name":"a.b","arguments":{"x":1,"y":[{"a":1,"b":2}]}}"#),
                bond(7, r#"{"name":"a.c","arguments":{"x":1,"y":[{"a":1,"b":2}]}}"#),
                bond(7, r#"{"name":"a.b","arguments":{"x":2,"y":[{"a":1,"b":2}]}}"#),
                bond(7, r#"{"name":"a.b"}"#),
            ] {
                assert_eq!(seal.open(&state, &foreign, 99), None);
            }
            assert_eq!(seal.open(&state, &own(), 100), None, "its time is over");
            assert_eq!(Seal::new().unwrap().open(&state, &own(), 99), None, "another process's");
        }
    }

    proptest! {
        #[test]
        fn a_state_that_was_changed_anywhere_is_not_opened(at in 0_usize..64, bit in 0_u8..6) {
            let seal = Seal::new().unwrap();
            let own = bond(7, r#"{"name":"a"}"#);
            let state = seal.close(&Sealed::Server("\"state\"".into()), &own, 100).unwrap();
            let mut changed = state.into_bytes();
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(changed) {
                prop_assert_eq!(seal.open(&changed, &own, 1), None);
            }
        }

        #[test]
        fn no_text_is_taken_for_a_state(text in "\\PC*") {
            let own = bond(7, r#"{"name":"a"}"#);
            prop_assert_eq!(Seal::new().unwrap().open(&text, &own, 1), None);
        }
    }
}

//! This file puts the ids that servers give to tasks under seal, so that only who was shown one can
//! name the task (MCP 2025-11-25, basic/utilities/tasks, Security; the same in the extension).
//!
//! Pure. The same task is always shown under the same id, also after a restart with the same key. It
//! leaves finding ids in answers to `ids`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conductor_config::ServerId;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Context, Digest, SHA256};
use ring::hmac;

use crate::model::{Principal, Scope, Target};
use crate::wire::{Hop, Text};

/// Marks what was sealed here, and how.
const PREFIX: &str = "t1.";
/// Longest id of a server, in bytes.
const ID_MAX: usize = 1024;

/// Who may name a task: the caller that it was made for, at the door where it was made, in the kind
/// of revision that it was made in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Holder {
    pub(crate) principal: Principal,
    pub(crate) scope: Scope,
    pub(crate) hop: Hop,
}

impl Holder {
    /// What a seal binds to it.
    fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        let mut add = |part: &str| {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        };
        match &self.principal {
            Principal::Local => add("local"),
            Principal::User(uid) => {
                add("user");
                add(&uid.to_string());
            }
            Principal::Delegated(delegator) => {
                add("delegated");
                add(delegator);
            }
        }
        match &self.scope {
            Scope::Workspace(workspace) => {
                add("workspace");
                add(workspace.as_ref());
            }
            Scope::Server(server) => {
                add("server");
                add(server.workspace.as_ref());
                add(server.name.as_ref());
            }
            Scope::View(view) => {
                add("view");
                add(view);
            }
        }
        add(match self.hop {
            Hop::Legacy => "task",
            Hop::Modern => "extension",
        });
        context.finish()
    }
}

/// What ids are sealed with.
pub(crate) struct TaskSeal {
    key: LessSafeKey,
    /// Makes nonces: the same text has the same one, two texts never do.
    nonces: hmac::Key,
}

impl TaskSeal {
    /// One with the keys that `derive` makes for a purpose; `None` if they are none.
    pub(crate) fn new(derive: impl Fn(&str) -> [u8; 32]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, &derive("task ids")).ok()?;
        let nonces = hmac::Key::new(hmac::HMAC_SHA256, &derive("nonces of task ids"));
        Some(Self { key: LessSafeKey::new(key), nonces })
    }

    /// The id under which `holder` is shown a task; `None` if the server's own cannot be used.
    pub(crate) fn close(&self, holder: &Holder, task: &Target) -> Option<String> {
        if task.name.len() > ID_MAX {
            return None;
        }
        let ServerId { workspace, name } = &task.server;
        let mut text = format!("{workspace}/{name}/{}", task.name).into_bytes();
        let bound = holder.digest();
        let mut whole = hmac::Context::with_key(&self.nonces);
        whole.update(bound.as_ref());
        whole.update(&text);
        let nonce: [u8; NONCE_LEN] = *whole.sign().as_ref().first_chunk()?;
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(unique, Aad::from(bound.as_ref()), &mut text).ok()?;
        Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat())))
    }

    /// The task that `holder` was shown under this id. Why there is none is nobody's business.
    pub(crate) fn open(&self, holder: &Holder, shown: &str) -> Option<Target> {
        let mut whole = URL_SAFE_NO_PAD.decode(shown.strip_prefix(PREFIX)?).ok()?;
        let (nonce, text) = whole.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let bound = holder.digest();
        let text = self.key.open_in_place(nonce, Aad::from(bound.as_ref()), text).ok()?;
        // Neither workspaces nor servers have a slash in their names.
        let mut parts = std::str::from_utf8(text).ok()?.splitn(3, '/');
        let (workspace, name) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let server = ServerId { workspace, name };
        Some(Target { server, name: Text::from(parts.next()?) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::id;

    fn seal(seed: u8) -> TaskSeal {
        TaskSeal::new(|purpose| [seed ^ u8::try_from(purpose.len()).unwrap(); 32]).unwrap()
    }

    fn holder() -> Holder {
        let scope = Scope::Workspace("default".parse().unwrap());
        Holder { principal: Principal::Local, scope, hop: Hop::Legacy }
    }

    fn task(name: &str) -> Target {
        Target { server: id("git"), name: Text::from(name) }
    }

    #[test]
    fn an_id_opens_for_its_holder_alone() {
        let shown = seal(1).close(&holder(), &task("a/b")).unwrap();
        assert_eq!(seal(1).open(&holder(), &shown), Some(task("a/b")), "also after a restart");
        assert_eq!(seal(1).close(&holder(), &task("a/b")), Some(shown.clone()), "always the same");
        let others = [
            Holder { principal: Principal::Delegated("local".into()), ..holder() },
            Holder { scope: Scope::Server(id("git")), ..holder() },
            Holder { scope: Scope::View("default".into()), ..holder() },
            Holder { hop: Hop::Modern, ..holder() },
        ];
        for other in others {
            assert_eq!(seal(1).open(&other, &shown), None, "{other:?}");
            assert_ne!(seal(1).close(&other, &task("a/b")), Some(shown.clone()));
        }
        assert_eq!(seal(2).open(&holder(), &shown), None, "another daemon's");
    }

    #[test]
    fn an_id_says_nothing_of_the_servers() {
        let (one, other) = (task("task-1"), task("task-2"));
        let shown = |task: &Target| seal(1).close(&holder(), task).unwrap();
        assert!(!shown(&one).contains("task-1"));
        assert_ne!(shown(&one)[..20], shown(&other)[..20], "they have nothing in common");
        assert_eq!(seal(1).close(&holder(), &task(&"x".repeat(ID_MAX + 1))), None);
    }

    proptest! {
        #[test]
        fn an_id_that_was_changed_anywhere_is_unknown(at in 0_usize..200, bit in 0_u8..6) {
            let shown = seal(1).close(&holder(), &task("some task")).unwrap();
            let mut changed = shown.into_bytes();
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(changed) {
                prop_assert_eq!(seal(1).open(&holder(), &changed), None);
            }
        }

        #[test]
        fn no_text_is_taken_for_an_id(text in "(t1\\.)?\\PC*") {
            prop_assert_eq!(seal(1).open(&holder(), &text), None);
        }

        #[test]
        fn what_was_closed_is_opened(name in "\\PC{0,200}") {
            let shown = seal(1).close(&holder(), &task(&name)).unwrap();
            prop_assert!(shown.is_ascii());
            prop_assert_eq!(seal(1).open(&holder(), &shown), Some(task(&name)));
        }
    }
}

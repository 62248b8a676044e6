//! This file is what is kept of one session, and how that is written.
//!
//! Pure. It leaves when to write it to `keeper`.

use std::fmt;

use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::model::{Principal, Scope};
use crate::wire::{LogLevel, Members, json_string, json_strings};

/// The door at which all callers were this user when records did not say whose a session is.
const OLD_DOOR: &str = "http";

/// What a session is found by: a digest of its id, which nobody can make an id of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// The key of the session with this id.
    pub fn of(id: &str) -> Self {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
        Self(key)
    }

    /// Reads what `Display` writes.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        let digits = text.as_bytes().chunks_exact(2);
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, digits) in key.iter_mut().zip(digits) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The door it was opened at.
    pub door: Box<str>,
    /// On whose behalf.
    pub principal: Principal,
    /// What that showed there.
    pub scope: Scope,
    /// The revision that was agreed upon.
    pub version: Box<str>,
    /// What its client called itself, if it did.
    pub client: Option<Box<str>>,
    /// What its client said it can do, a raw object.
    pub capabilities: Bytes,
    /// The level that it has named.
    pub level: Option<LogLevel>,
    /// The addresses that it has subscribed to, as it wrote them.
    pub resources: Vec<String>,
    /// When it was used last, in milliseconds since 1970.
    pub used: i64,
}

impl SessionRecord {
    /// As it is written into the store.
    pub(super) fn written(&self) -> Vec<u8> {
        let (kind, name) = parts(&self.scope);
        let client = self.client.as_deref().map(|name| ("client", json_string(name)));
        let level = self.level.map(|level| ("level", json_string(level.as_str())));
        let head = [
            ("of", json_string(&self.principal.to_string())),
            ("door", json_string(&self.door)),
            (kind, json_string(&name)),
            ("version", json_string(&self.version)),
        ];
        let tail = [
            ("capabilities", self.capabilities.clone()),
            ("resources", json_strings(&self.resources)),
            ("used", Bytes::from(self.used.to_string())),
        ];
        let mut out = Vec::new();
        head.into_iter()
            .chain(client)
            .chain(level)
            .chain(tail)
            .collect::<Members>()
            .write(&mut out);
        out
    }

    /// Reads what [`Self::written`] wrote; nothing if it was somebody else. Older records do not say
    /// whose a session is: those of the HTTP door were all this user's, others may have been anybody's
    /// who got to the socket, and are left.
    pub(super) fn read(body: Vec<u8>) -> Option<Self> {
        let members = Members::read(&Bytes::from(body)).ok()?;
        let text = |key: &str| members.text(key).map(|text| text.to_string());
        let door: Box<str> = text("door")?.into();
        let principal = match text("of") {
            Some(principal) => Principal::read(&principal)?,
            None if *door == *OLD_DOOR => Principal::Local,
            None => return None,
        };
        Some(Self {
            door,
            principal,
            scope: scope(text)?,
            version: text("version")?.into(),
            client: text("client").map(Into::into),
            capabilities: members.get("capabilities")?.clone(),
            level: match text("level") {
                Some(level) => Some(level.parse().ok()?),
                None => None,
            },
            resources: serde_json::from_slice(members.get("resources")?).ok()?,
            used: serde_json::from_slice(members.get("used")?).ok()?,
        })
    }
}

fn parts(scope: &Scope) -> (&'static str, String) {
    match scope {
        Scope::Workspace(name) => ("workspace", name.to_string()),
        Scope::Server(id) => ("server", format!("{}/{}", id.workspace, id.name)),
        Scope::View(name) => ("view", name.to_string()),
    }
}

fn scope(text: impl Fn(&str) -> Option<String>) -> Option<Scope> {
    if let Some(name) = text("workspace") {
        return Some(Scope::Workspace(name.parse().ok()?));
    }
    if let Some(id) = text("server") {
        return Some(Scope::Server(id.parse().ok()?));
    }
    Some(Scope::View(text("view")?.as_str().into()))
}

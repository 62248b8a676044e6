//! This file handles `_meta` of requests: what belongs to one hop is taken out and written anew.
//!
//! It leaves everything else in `_meta` as it came (MCP 2026-07-28, basic/index, `_meta`).

use bytes::Bytes;

use super::abilities::{CARRIED, passing};
use super::{Members, MembersError, Text, write_json_string};

/// The revision without handshake and sessions.
pub const MODERN: &str = "2026-07-28";
/// The newest revision that opens with `initialize`.
pub const LEGACY_LATEST: &str = "2025-11-25";

const KNOWN: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY_LATEST, MODERN];
const HOP_PREFIX: &str = "io.modelcontextprotocol/";
/// Who makes the requests to servers.
const IDENTITY: &str =
    concat!(r#"{"name":"mcp-conductor","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
/// Names the task that a message belongs to (MCP 2025-11-25, basic/utilities/tasks).
pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// Whether `version` is a revision of MCP that this program speaks.
pub fn is_known_version(version: &str) -> bool {
    KNOWN.contains(&version)
}

/// Whether `version` is one where every request describes itself.
pub fn is_modern_version(version: &str) -> bool {
    version == MODERN
}

/// What the `_meta` of a request says, taken apart.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// The token that progress notifications are to carry: a JSON string or number, raw.
    pub progress_token: Option<Bytes>,
    /// Revision the request claims to follow; present marks a modern request.
    pub protocol_version: Option<Bytes>,
    /// Who asks, for display only.
    pub client_info: Option<Bytes>,
    /// What the asker can do for the server during this request.
    pub client_capabilities: Option<Bytes>,
    /// Least severe log message wanted during this request; passed on to a modern hop.
    pub log_level: Option<Bytes>,
    /// Everything that is passed on unchanged.
    pub rest: Members,
}

/// The revision spoken with the peer that a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// A revision with handshake: requests carry no description of themselves.
    Legacy,
    /// A revision where each request carries version, identity and capabilities.
    Modern,
}

impl Meta {
    /// Reads a raw `_meta`; fails if it is not an object or names a key twice.
    pub fn read(object: &Bytes) -> Result<Self, MembersError> {
        let mut rest = Members::read(object)?;
        let mut meta = Self {
            progress_token: rest.take("progressToken"),
            protocol_version: rest.take("io.modelcontextprotocol/protocolVersion"),
            client_info: rest.take("io.modelcontextprotocol/clientInfo"),
            client_capabilities: rest.take("io.modelcontextprotocol/clientCapabilities"),
            log_level: rest.take("io.modelcontextprotocol/logLevel"),
            rest: Members::default(),
        };
        rest.0.retain(|member| !member.key.starts_with(HOP_PREFIX));
        meta.rest = rest;
        Ok(meta)
    }

    /// Of a request of ours. It declares whatever a client may declare in its own: what a server lists
    /// may depend on that, and is for clients of every kind.
    pub fn ours() -> Self {
        let capabilities = Bytes::from_static(CARRIED.as_bytes());
        Self { client_capabilities: Some(capabilities), ..Self::default() }
    }

    /// The kind of revision that the request follows.
    pub fn hop(&self) -> Hop {
        if self.protocol_version.is_some() { Hop::Modern } else { Hop::Legacy }
    }

    /// Appends `_meta` for the next hop to `out`, key and colon included, or nothing at all if it
    /// would be empty. `token` is our own progress token, written where the caller gave one.
    pub fn write(&self, out: &mut Vec<u8>, hop: Hop, token: &str) {
        let wants_progress = self.progress_token.is_some();
        if hop == Hop::Legacy && !wants_progress && self.rest.0.is_empty() {
            return;
        }
        out.extend_from_slice(b"\"_meta\":{");
        let start = out.len();
        if wants_progress {
            member(out, start, "progressToken", |out| write_json_string(out, token));
        }
        if hop == Hop::Modern {
            self.describe(out, start);
        }
        for extra in &self.rest.0 {
            member(out, start, &extra.key, |out| out.extend_from_slice(&extra.value));
        }
        out.push(b'}');
    }

    /// What a request to a modern server says about itself: our name, what its caller can do.
    fn describe(&self, out: &mut Vec<u8>, start: usize) {
        member(out, start, "io.modelcontextprotocol/protocolVersion", |out| {
            write_json_string(out, MODERN);
        });
        member(out, start, "io.modelcontextprotocol/clientInfo", |out| {
            out.extend_from_slice(IDENTITY.as_bytes());
        });
        member(out, start, "io.modelcontextprotocol/clientCapabilities", |out| {
            match &self.client_capabilities {
                Some(capabilities) => out.extend_from_slice(&passing(capabilities)),
                None => out.extend_from_slice(b"{}"),
            }
        });
        if let Some(level) = &self.log_level {
            member(out, start, "io.modelcontextprotocol/logLevel", |out| {
                out.extend_from_slice(level);
            });
        }
    }
}

fn member(out: &mut Vec<u8>, start: usize, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    if out.len() > start {
        out.push(b',');
    }
    write_json_string(out, key);
    out.push(b':');
    value(out);
}

/// The task that a message belongs to, by the `_meta` of its parameters.
pub fn related_task(params: &Bytes) -> Option<Text> {
    memchr::memmem::find(params, RELATED_TASK.as_bytes())?;
    let meta = Members::read(params).ok()?.take("_meta")?;
    Members::read(Members::read(&meta).ok()?.get(RELATED_TASK)?).ok()?.text("taskId")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Abilities, declares_tasks};

    #[track_caller]
    fn check(meta: &'static str, hop: Hop, expected: &str) {
        let meta = Meta::read(&Bytes::from_static(meta.as_bytes())).unwrap();
        let mut out = Vec::new();
        meta.write(&mut out, hop, "c-1");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn nothing_is_written_where_nothing_is_to_be_said() {
        check("{}", Hop::Legacy, "");
        check(r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#, Hop::Legacy, "");
    }

    #[test]
    fn the_progress_token_becomes_ours_and_the_rest_stays() {
        check(
            r#"{"traceparent":"00-a","progressToken":7,"x.y/z":{"a":1.0}}"#,
            Hop::Legacy,
            r#""_meta":{"progressToken":"c-1","traceparent":"00-a","x.y/z":{"a":1.0}}"#,
        );
    }

    #[test]
    fn a_wish_for_log_messages_is_passed_on_where_a_request_can_carry_it() {
        let meta = r#"{"io.modelcontextprotocol/logLevel":"debug"}"#;
        check(meta, Hop::Legacy, "");
        let meta = Meta::read(&Bytes::from_static(meta.as_bytes())).unwrap();
        let mut out = Vec::new();
        meta.write(&mut out, Hop::Modern, "c-1");
        let written = String::from_utf8(out).unwrap();
        assert!(written.ends_with(r#","io.modelcontextprotocol/logLevel":"debug"}"#), "{written}");
    }

    #[test]
    fn a_modern_hop_is_described_by_us_not_by_the_caller() {
        check(
            r#"{"io.modelcontextprotocol/clientInfo":{"name":"agent"},"a":1}"#,
            Hop::Modern,
            concat!(
                r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"mcp-conductor","version":""#,
                env!("CARGO_PKG_VERSION"),
                r#""},"io.modelcontextprotocol/clientCapabilities":{},"a":1}"#
            ),
        );
    }

    #[test]
    fn our_own_requests_declare_all_that_clients_may_be_asked_for() {
        let mut out = b"{".to_vec();
        Meta::ours().write(&mut out, Hop::Modern, "c-1");
        out.push(b'}');
        let mut meta = Members::read(&Bytes::from(out)).unwrap().take("_meta").unwrap();
        meta = Members::read(&meta)
            .unwrap()
            .take("io.modelcontextprotocol/clientCapabilities")
            .unwrap();
        let all =
            Abilities { form: true, url: true, sampling: true, sampling_tools: true, roots: true };
        assert_eq!(Abilities::of(&meta), all);
        assert!(declares_tasks(&meta));
    }

    #[test]
    fn a_modern_server_learns_what_the_caller_can_do() {
        check(
            r#"{"io.modelcontextprotocol/related-task":{"taskId":"t"},"io.modelcontextprotocol/clientCapabilities":{"sampling":{},"tasks":{}}}"#,
            Hop::Modern,
            concat!(
                r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"mcp-conductor","version":""#,
                env!("CARGO_PKG_VERSION"),
                r#""},"io.modelcontextprotocol/clientCapabilities":{"sampling":{}}}"#
            ),
        );
    }
}

//! This folder reads and writes JSON-RPC 2.0 messages without decoding what they carry.
//!
//! A message is taken apart into its members as slices of the bytes it came in; whatever a gateway
//! need not understand (arguments, results, unknown members) is never turned into a value, so it
//! leaves as it arrived. Everything here is pure. What a method means is decided elsewhere.

mod abilities;
mod head;
mod id;
mod level;
mod marks;
mod members;
mod message;
mod meta;
mod notices;
mod params;
mod reply;
mod rope;
mod scan;
mod specials;
#[cfg(test)]
mod tests;
mod text;
mod walk;
mod words;

pub use abilities::{Abilities, TASKS, declares_tasks, without_tasks};
pub use head::head_id;
pub use id::Id;
pub use level::{LogLevel, UnknownLevel};
pub use marks::{BadMark, Marks};
pub use members::{Member, Members, MembersError};
pub(crate) use message::parse_in_turns;
pub use message::{Malformed, Message, Notification, Request, Response, one_line, parse};
pub use meta::{
    Hop, LEGACY_LATEST, MODERN, Meta, RELATED_TASK, is_known_version, is_modern_version,
    related_task,
};
pub use notices::is_of_extension;
pub use params::{CallKind, CallParams, ParamsError, TaskVerb};
pub use reply::{
    Outcome, long_response, notification, response_of, write_error, write_request, write_result,
};
pub use rope::Rope;
pub use scan::{depth, has_broken_text};
pub use text::{Text, json_string, json_strings, write_json_string};
pub use words::{Word, Words};

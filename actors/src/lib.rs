//! This crate is the running system: five actors and what they are made of.
//!
//! ```text
//!  System ─┬─ supervisor ──▶ server ×N      keeps each downstream server as it is wanted
//!          ├─ router                        brings each call to its server
//!          ├─ merger                        owns the merged namespace, publishes snapshots
//!          ├─ delegation                    says who may call how often
//!          ├─ audience                      knows who wants to hear what beside answers
//!          └─ store                         one thread, one database in the state directory
//! ```
//!
//! `wire` reads and writes JSON-RPC without decoding what it carries; `model` holds the nouns that
//! several actors share. The crate knows MCP servers; it knows neither doors nor HTTP.

mod audience;
pub mod credentials;
pub mod delegation;
#[cfg(test)]
mod framework_contract;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod merger;
mod model;
mod pool;
mod post;
mod process;
pub mod registrations;
mod renewal;
mod router;
mod server;
pub mod sessions;
pub mod store;
mod supervisor;
mod system;
mod tasks;
#[cfg(test)]
mod tests;
mod trial;
mod visible;
pub mod wire;

pub use audience::{Heard, Inbox, Listener, SubscribeError, principal_of};
pub use delegation::{Caller, LocalCaller};
pub use merger::{
    Account, Action, BadCursor, Catalog, CatalogReader, Definition, Filter, Finding, Form,
    FrontTool, List, ListState, ListedEntry, Page, PinChange, PinDifference, Resolution,
    Unapproved, View, Visibility,
};
pub use model::{
    Answer, Call, CallError, Cause, Downfall, Extensions, Fate, Generation, HttpRefusal, Inquiries,
    Inquiry, InquiryKind, ListKind, LogPort, Many, Outage, Principal, Scope, Seat, ServerState,
    Target, TaskNews, Visit, shown_visit,
};
pub use process::{Harm, NurseryError, Usage, guard_main, harm_self};
pub use server::{Rejected, StderrLog, StderrTail};
pub use supervisor::{Board, BoardReader, InstanceStatus, RestartError, ServerStatus, Weakness};
pub use system::{StartError, Storage, System};
pub use trial::Trial;
pub use visible::sanitize_text;

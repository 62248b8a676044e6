//! This folder merges what the servers offer into one namespace.
//!
//! ```text
//!   servers ──lists──▶ slices ──merge──▶ Catalog ──▶ shelf ◀── read by doors, no mailbox
//!      └── "changed" ──▶ asked again         └── revision ──▶ list_changed, on real change only
//! ```
//!
//! Each server's lists are read when it comes up, when it says that one changed, and when a reader
//! finds one older than its time to live. While it is down but may come back its last lists stay,
//! so that a restart is invisible. The merger does not know how servers are reached or who asks.

mod account;
mod actor;
mod addresses;
mod arguments;
mod catalog;
mod fronts;
mod handle;
mod links;
mod list;
mod memory;
mod merge;
mod names;
mod part;
mod pin_book;
mod pins;
mod sanitize;
mod search;
mod slice;
#[cfg(test)]
mod tests_library;
#[cfg(test)]
mod tests_live;
#[cfg(test)]
mod tests_search;
#[cfg(test)]
mod tests_styles;
#[cfg(test)]
mod tests_views;

pub use account::{Account, Filter, Visibility};
pub(crate) use actor::MergerActor;
pub(crate) use addresses::public as public_address;
pub(crate) use arguments::Arguments as CheckedArguments;
pub use catalog::{Catalog, Resolution, View};
pub use fronts::FrontTool;
pub use handle::CatalogReader;
pub(crate) use handle::MergerHandle;
pub(crate) use links::with_public_addresses;
pub use list::{BadCursor, Definition, Form, List, ListState, ListedEntry, Page};
pub(crate) use memory::Memory;
pub use pins::{PinChange, PinDifference, Unapproved};
#[cfg(any(test, fuzzing))]
pub(crate) use sanitize::hold as sanitizer_holds;
pub use sanitize::{Action, Finding};

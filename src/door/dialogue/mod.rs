//! This folder lets a server ask its caller something while a call is under way, whatever revisions
//! the two speak.
//!
//! ```text
//!                     server up to 2025-11-25         server of 2026-07-28
//!                     asks with a request             asks with a result
//!  client up to       the request is made             the requests are made of the client,
//!  2025-11-25         of the client                   and the call again with its answers
//!  client of          the call is parked, and the     the result is passed on,
//!  2026-07-28         question is the result          its state under seal
//! ```
//!
//! Where a person was asked to visit an address, `visits` tells a client with a handshake of the end.
//! Which call a question belongs to is known before it comes here. This folder leaves carrying
//! messages to the doors.

mod client;
mod conversation;
mod input_required;
mod parking;
mod presentation;
mod seal;
mod visits;

pub(super) use client::Client;
pub(super) use conversation::{Conversation, Step, Whose};
pub(super) use input_required::{
    InputRequired, names_of_visits, url_required, with_shown_visits, write_input_required,
};
pub use parking::Parking;
pub(super) use parking::{PARKED_MAX, Parked};
pub(super) use presentation::{for_legacy, for_modern};
pub(super) use seal::{About, Bond, Sealed};
pub(super) use visits::Visits;

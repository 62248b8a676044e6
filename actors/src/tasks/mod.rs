//! This folder keeps apart whose task is whose.
//!
//! A server that makes a task of a call sees one client, the gateway, and gives the task an id that
//! any caller could name. What callers are shown instead is that id under `seal`, which opens for
//! the same principal at the same door only; `ids` puts it into answers. Who has which tasks, and
//! who hears of them, is the audience's affair.

mod ids;
mod seal;

pub(crate) use ids::{Shown, with_shown_ids};
pub(crate) use seal::{Holder, TaskSeal};

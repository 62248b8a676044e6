//! This folder is what the sanitizer looks for: a vocabulary, and one table of rules per class.
//!
//! Rules are data, one line each; how a line is read stands in `matching`. A rule is about a class
//! of orders, never about one text.

pub(super) mod abroad;
mod calls;
pub(super) mod deeds;
mod foreign;
pub(super) mod marks;
mod overt;
mod secrets;
pub(super) mod words;

use super::matching::Rule;
use super::policy::{Certainty, Class};

/// All tables.
pub(super) const TABLES: &[&[Rule]] = &[
    overt::OVERT,
    overt::CONCEALMENT,
    secrets::SECRETS,
    secrets::COLLECTION,
    calls::FORCED,
    calls::EXECUTION,
    foreign::FOREIGN,
    foreign::PREFERENCE,
];

const fn certain(class: Class, id: &'static str, line: &'static str) -> Rule {
    Rule { id, class, certainty: Certainty::Certain, line }
}

const fn likely(class: Class, id: &'static str, line: &'static str) -> Rule {
    Rule { id, class, certainty: Certainty::Likely, line }
}

//! This file holds the rules against tools that put others down or push themselves forward.
//!
//! It leaves telling whose a name is to `namespace`.

use super::{certain, likely};
use crate::merger::sanitize::matching::Rule;
use crate::merger::sanitize::policy::Class::{Foreign, Preference};

/// About names that other servers' tools have; the merge says whether they do.
pub(super) const FOREIGN: &[Rule] = &[
    likely(
        Foreign,
        "foreign.order",
        "FOREIGN_NAME & CALL|USE|BEFORE|AFTER|INSTEAD|ALWAYS|HAND_OVER|OVERRIDE|DISCARD",
    ),
    certain(Foreign, "foreign.put_down", "FOREIGN_NAME ..6 BADMOUTH"),
    certain(Foreign, "foreign.refused", "REFUSE ..3 FOREIGN_NAME"),
    certain(Foreign, "foreign.redirected", "FOREIGN_NAME & REDIRECT"),
    certain(
        Foreign,
        "foreign.shadowed",
        "FOREIGN_NAME & ALWAYS & SECRET|SECRET_FILE|EMAIL|URL|MONEY|CONVERSATION",
    ),
];

pub(super) const PREFERENCE: &[Rule] = &[
    certain(Preference, "preference.refuse_others", "REFUSE ..2 OTHER ..3 TOOLS"),
    certain(Preference, "preference.others_bad", "OTHERS ..3 TOOLS ..6 BADMOUTH|RETIRED"),
    likely(
        Preference,
        "preference.tools_bad",
        "TOOLS ..5 BADMOUTH|RETIRED & ALWAYS|ONLY|URGENT|REFUSE|INSTEAD",
    ),
    certain(Preference, "preference.strange_bad", "TOOLS ..2 STRANGE_NAME ..5 BADMOUTH|RETIRED"),
    likely(Preference, "preference.strange_bad_plainly", "STRANGE_NAME ..5 BADMOUTH"),
    certain(
        Preference,
        "preference.redirect",
        "REDIRECT & BADMOUTH|RETIRED|CALL|TOOLS|STRANGE_NAME",
    ),
    likely(Preference, "preference.instead_of_any", "INSTEAD ..3 OTHER ..3 TOOLS"),
    certain(Preference, "preference.only_this", "ONLY ..1 CALL|USE ..3 OWN_TOOL"),
    likely(Preference, "preference.best", "BEST ..4 TOOLS"),
    certain(Preference, "preference.rivals_bad", "RIVAL ..3 TOOLS ..4 BADMOUTH & !MENTION"),
    likely(Preference, "preference.rivals_are_bad", "RIVAL ..1 ARE ..1 BADMOUTH & !MENTION"),
    likely(Preference, "preference.rivals_do_bad", "RIVAL|TOOLS ..3 BADDEED & !MENTION"),
    likely(Preference, "preference.prefer_this", "PREFER_THIS & ALWAYS|EVERY|REGARDLESS"),
    likely(Preference, "preference.replaces_bad", "INSTEAD ..3 TOOLS ..6 BADMOUTH"),
    likely(Preference, "preference.refused_bad", "REFUSE ..4 TOOLS ..6 BADMOUTH|RETIRED"),
    likely(Preference, "preference.choosing_others", "PREFER ..1 OTHER ..3 BADMOUTH"),
    likely(Preference, "preference.despite", "DESPITE ..3 OBJECTS"),
    certain(Preference, "preference.despite_end", "DESPITE ..8 END_WITH"),
    likely(Preference, "preference.always_strange", "ALWAYS ..1 USE|CALL ..2 STRANGE_NAME"),
    likely(Preference, "preference.default", "DEFAULTED"),
    likely(Preference, "preference.refuse_of_others", "REFUSE ..4 TOOLS ..1 OF_OTHERS"),
    likely(Preference, "preference.any_bad", "OTHER ..3 TOOLS ..4 ARE ..3 BADMOUTH & !OF_WHICH"),
];

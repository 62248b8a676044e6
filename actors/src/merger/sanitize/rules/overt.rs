//! This file holds the rules against orders that replace the agent's own, and against secrecy.
//!
//! It leaves what such orders are after to `secrets`, `calls` and `foreign`.

use super::{certain, likely};
use crate::merger::sanitize::matching::Rule;
use crate::merger::sanitize::policy::Class::{Concealment, Overt};

pub(super) const OVERT: &[Rule] = &[
    certain(Overt, "overt.discard_orders", "DISCARD ..5 PRIOR|YOUR ..4 ORDERS|LIMITS"),
    certain(Overt, "overt.discard_all_orders", "DISCARD ..3 EVERY ..3 ORDERS"),
    certain(Overt, "overt.discard_orders_given", "DISCARD ..3 ORDERS|LIMITS ..4 PRIOR"),
    certain(Overt, "overt.discard_above", "DISCARD ..2 ABOVE"),
    likely(Overt, "overt.discard_all_limits", "DISCARD ..3 EVERY ..3 LIMITS"),
    likely(Overt, "overt.discard_plain_orders", "DISCARD ..0 LIMITS|ORDERS"),
    certain(Overt, "overt.all_orders_discarded", "PRIOR ..3 ORDERS ..2 EVERY ..2 DISCARD"),
    likely(Overt, "overt.orders_discarded", "PRIOR ..2 ORDERS ..4 DISCARD"),
    certain(Overt, "overt.discard_tools", "DISCARD ..3 OTHER ..1 TOOLS"),
    likely(Overt, "overt.new_orders", "NEW_ORDERS"),
    certain(
        Overt,
        "overt.new_orders_rule",
        "NEW_ORDERS & OVERRIDE|OBEY|BECOME|SAY|DISCARD|ALWAYS|PROMPT",
    ),
    certain(Overt, "overt.banner", "BANNER & !MENTION"),
    likely(Overt, "overt.banner_named", "BANNER & MENTION"),
    certain(Overt, "overt.free", "BECOME & FREE"),
    certain(Overt, "overt.become_bound", "BECOME ..14 DISCARD|OBEY|ORDERS|LIMITS"),
    likely(Overt, "overt.freed", "FREE & !MENTION"),
    certain(Overt, "overt.freed_orders", "FREE & DISCARD|OBEY|OVERRIDE & !MENTION"),
    likely(Overt, "overt.obey", "OBEY ..2 EVERY"),
    certain(Overt, "overt.show_prompt", "SAY ..6 PROMPT"),
    certain(Overt, "overt.show_orders", "SAY ..4 ORDERS ..3 PRIOR"),
    certain(Overt, "overt.shout", "SHOUT & !MENTION"),
    certain(Overt, "overt.on_reading", "ON_READING"),
    certain(Overt, "overt.decode_and_obey", "DECODE & DO_AS_TOLD"),
    likely(Overt, "overt.do_as_told", "DO_AS_TOLD"),
    likely(Overt, "overt.suspended", "YOUR|EVERY ..2 LIMITS|ORDERS ..3 SUSPENDED"),
    likely(Overt, "overt.grant", "GRANT ..4 POWER"),
    likely(Overt, "overt.orders_for_tools", "ADDRESSED ..3 TOOLS"),
    certain(Overt, "overt.not_as_asked", "DISCARD ..6 USER_CHOICE"),
    likely(Overt, "overt.instead_of_asked", "INSTEAD|REGARDLESS ..4 USER_CHOICE"),
    certain(
        Overt,
        "overt.addressed",
        "ADDRESSED ..2 ASSISTANT & CALL|SECRET_FILE|DISCARD|SECRETLY|CONVERSATION",
    ),
    likely(Overt, "overt.addressed_plainly", "ADDRESSED ..2 ASSISTANT"),
];

pub(super) const CONCEALMENT: &[Rule] = &[
    certain(Concealment, "concealment.not_tell_user", "NOT ..3 TELL ..3 USER"),
    likely(Concealment, "concealment.not_show_user", "NOT ..3 SHOW ..3 USER"),
    certain(Concealment, "concealment.hush", "HUSH"),
    certain(Concealment, "concealment.not_tell_abroad", "NOT & TELL_ABROAD & USER"),
    certain(Concealment, "concealment.not_name_rivals", "NOT ..3 NAME_IT ..3 RIVALS"),
    certain(Concealment, "concealment.not_tell_user", "NOT ..1 TELLS_USER"),
    certain(Concealment, "concealment.user_not_told", "USER ..3 NOT ..2 BE_TOLD"),
    likely(Concealment, "concealment.keep_quiet", "KEEP ..3 QUIET"),
    likely(Concealment, "concealment.no_approval", "NOT ..1 ASK ..5 APPROVAL"),
    likely(Concealment, "concealment.not_mention", "NOT ..2 TELL"),
    likely(Concealment, "concealment.canned_end", "ALWAYS|AFTER ..2 END_WITH"),
    likely(
        Concealment,
        "concealment.canned_speech",
        "END_WITH|TELL|SHOW ..2 SPEECH & AFTER|ALWAYS",
    ),
    likely(Concealment, "concealment.not_list", "NOT ..2 SHOW ..2 THIS"),
    likely(Concealment, "concealment.consent", "CONSENT"),
    certain(Concealment, "concealment.user_consent", "USER ..4 CONSENT"),
    certain(
        Concealment,
        "concealment.secretly",
        "SECRETLY ..2 HAND_OVER|CALL|TRANSMIT|READ|DESTROY",
    ),
];

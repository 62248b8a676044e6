//! This file holds the rules against calls that nobody asked for, and against commands.
//!
//! It leaves calls of other servers' tools to the check that knows the namespace.

use super::{certain, likely};
use crate::merger::sanitize::matching::Rule;
use crate::merger::sanitize::policy::Class::{Execution, Forced};

pub(super) const FORCED: &[Rule] = &[
    likely(
        Forced,
        "forced.before_everything",
        "BEFORE|AFTER ..2 EVERY|OTHER ..2 OCCASION & CALL|USE|ALWAYS|HAND_OVER",
    ),
    certain(Forced, "forced.call_before_talk", "CALL|USE ..8 BEFORE|AFTER ..3 EVERY ..2 TALK"),
    certain(Forced, "forced.call_at_talk", "BEFORE|AFTER ..3 EVERY ..2 TALK ..8 CALL|USE"),
    certain(
        Forced,
        "forced.call_regardless",
        "CALL|USE|ALWAYS ..10 REGARDLESS & CONVERSATION|SECRET|SECRET_FILE|STRANGE_NAME",
    ),
    likely(Forced, "forced.regardless", "CALL|USE|ALWAYS ..8 REGARDLESS ..4 OCCASION"),
    likely(Forced, "forced.strange_call", "CALL ..2 STRANGE_NAME"),
    likely(Forced, "forced.strange_call", "STRANGE_NAME ..3 IS_CALLED"),
    likely(Forced, "forced.strange_call", "ALWAYS ..3 HAND_OVER ..6 STRANGE_NAME"),
    likely(Forced, "forced.strange_call", "STRANGE_NAME ..2 ALWAYS ..2 HAND_OVER"),
    likely(Forced, "forced.strange_call", "STRANGE_NAME ..5 TOOLS ..3 ALWAYS"),
    likely(Forced, "forced.strange_call", "USE ..2 STRANGE_NAME & DESTROY"),
    likely(Forced, "forced.named_tool", "TOOLS ..1 NAMED ..2 STRANGE_NAME"),
    certain(
        Forced,
        "forced.strange_call_always",
        "CALL|USE ..2 STRANGE_NAME & EVERY|ALWAYS ..3 TALK",
    ),
    certain(
        Forced,
        "forced.strange_call_with",
        "CALL|USE ..2 STRANGE_NAME & URL|EMAIL|SECRET|SECRET_FILE|CONVERSATION|SECRETLY|HUSH|CONSENT & !MENTION",
    ),
    likely(Forced, "forced.always_at_talk", "BEFORE|AFTER ..1 TALK ..6 ALWAYS ..1 CALL"),
    likely(Forced, "forced.destroy_at_talk", "DESTROY ..8 BEFORE|AFTER ..2 TALK"),
    likely(Forced, "forced.strange_forwarded", "WHENEVER ..3 STRANGE_NAME ..8 HAND_OVER|TRANSMIT"),
    certain(Forced, "forced.destroy", "CALL ..2 STRANGE_NAME & DESTROY"),
    likely(Forced, "forced.start_of_turn", "START ..2 EVERY ..1 TALK ..3 CALL|USE|EXECUTE"),
    likely(Forced, "forced.every_talk_regardless", "CALL|USE ..3 EVERY ..1 TALK & REGARDLESS"),
    likely(Forced, "forced.results_pass_here", "TOOLS ..4 PASSED_HERE"),
    likely(Forced, "forced.strange_called", "STRANGE_NAME ..6 IS_CALLED ..3 HAND_OVER|TRANSMIT"),
];

pub(super) const EXECUTION: &[Rule] = &[
    certain(Execution, "execution.run_command", "EXECUTE ..2 COMMAND"),
    certain(Execution, "execution.fetch_and_run", "DOWNLOAD ..3 URL ..4 AND_RUN"),
    likely(Execution, "execution.dangerous", "DANGEROUS & !MENTION"),
    likely(Execution, "execution.request_always", "REQUEST_TO ..2 URL & EVERY|ALWAYS|BEFORE|AFTER"),
    likely(Execution, "execution.reverse_shell", "REVERSE_SHELL & !MENTION"),
    likely(Execution, "execution.goes_elsewhere", "STRANGE_NAME ..4 GOES_TO"),
    likely(Execution, "execution.install_first", "BEFORE ..3 INSTALL ..6 COMMAND"),
    likely(Execution, "execution.turn_off_guard", "TURN_OFF ..3 GUARD"),
    likely(Execution, "execution.money", "MONEY ..3 IS_ALWAYS"),
    certain(Execution, "execution.secretly", "SECRETLY & EMAIL|URL"),
    certain(Execution, "execution.shell", "SHELL & EXECUTE|COMMAND|URL"),
    certain(Execution, "execution.command_to_address", "COMMAND ..6 URL"),
    likely(Execution, "execution.send_to_address", "TRANSMIT ..14 URL|EMAIL & !MENTION"),
    certain(
        Execution,
        "execution.send_secret",
        "TRANSMIT & URL|EMAIL & SECRET|SECRET_FILE|CONVERSATION|ENVIRONMENT",
    ),
    certain(
        Execution,
        "execution.send_always",
        "TRANSMIT & URL|EMAIL & PLEASE|ALWAYS|EVERY|STRANGE_NAME & !MENTION",
    ),
    likely(Execution, "execution.guard_off", "TURN ..4 GUARD ..3 OFF & !MENTION"),
    likely(Execution, "execution.left_off", "NOT ..1 ON_AGAIN"),
];

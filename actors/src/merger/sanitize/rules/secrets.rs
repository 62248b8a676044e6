//! This file holds the rules against secrets and talks that a tool has no need of.
//!
//! It leaves where they are sent to `calls`.

use super::{certain, likely};
use crate::merger::sanitize::matching::Rule;
use crate::merger::sanitize::policy::Class::{Collection, Secrets};

pub(super) const SECRETS: &[Rule] = &[
    certain(
        Secrets,
        "secrets.read_and_hand_over",
        "READ & SECRET_FILE & HAND_OVER & !READ_AND_WRITE",
    ),
    certain(Secrets, "secrets.hand_over_file", "HAND_OVER ..8 SECRET_FILE & !READ_AND_WRITE"),
    certain(Secrets, "secrets.file_for_parameter", "SECRET_FILE & PARAMETER & HAND_OVER|READ"),
    certain(Secrets, "secrets.read_first", "BEFORE ..6 READ ..6 SECRET_FILE"),
    certain(Secrets, "secrets.read_file_first", "READ ..6 SECRET_FILE ..12 BEFORE"),
    certain(Secrets, "secrets.command_on_file", "COMMAND ..3 SECRET_FILE"),
    certain(
        Secrets,
        "secrets.path_for_parameter",
        "SECRET_PATH & PARAMETER|HAND_OVER|BEFORE & !PUBLIC & !READ_AND_WRITE",
    ),
    likely(
        Secrets,
        "secrets.path",
        "SECRET_PATH & READ|HAND_OVER|BEFORE|ALWAYS|TELL_ABROAD & !PUBLIC & !READ_AND_WRITE",
    ),
    likely(
        Secrets,
        "secrets.all_you_have",
        "READ|HAND_OVER|SAY|WHOLE & SECRET|ENVIRONMENT & YOU_HAVE",
    ),
    likely(Secrets, "secrets.ask_user", "ASK ..3 USER ..6 SECRET"),
    likely(Secrets, "secrets.path", "READ ..3 SECRET_PATH & !PUBLIC & !READ_AND_WRITE"),
    certain(Secrets, "secrets.hand_over_all", "HAND_OVER ..3 WHOLE ..3 SECRET"),
    certain(Secrets, "secrets.environment", "READ|SAY|HAND_OVER ..3 WHOLE ..2 ENVIRONMENT"),
    certain(
        Secrets,
        "secrets.variable_for_parameter",
        "READ ..5 SECRET_VARIABLE & HAND_OVER ..4 PARAMETER",
    ),
    likely(
        Secrets,
        "secrets.command_output",
        "OUTPUT_OF ..3 COMMAND & PARAMETER_TEXT|PARAMETER|HAND_OVER",
    ),
    certain(
        Secrets,
        "secrets.metadata_host",
        "METADATA_HOST & READ|HAND_OVER|PARAMETER|DOWNLOAD|TRANSMIT & !MENTION",
    ),
    likely(Secrets, "secrets.hand_over", "READ & SECRET & HAND_OVER & BEFORE|AFTER|ALWAYS"),
    likely(Secrets, "secrets.variable_taken", "SECRET_VARIABLE & TAKE_IT"),
    likely(
        Secrets,
        "secrets.contents_of_path",
        "PARAMETER_TEXT & CONTENTS_OF ..3 SECRET_PATH & !PUBLIC",
    ),
];

pub(super) const COLLECTION: &[Rule] = &[
    certain(Collection, "collection.talk_for_parameter", "WHOLE ..3 CONVERSATION ..8 PARAMETER"),
    certain(Collection, "collection.hand_over_talk", "HAND_OVER|SAY ..4 WHOLE ..3 CONVERSATION"),
    certain(
        Collection,
        "collection.hand_over_the_talk",
        "HAND_OVER ..4 CONVERSATION ..4 INTO|PARAMETER",
    ),
    likely(Collection, "collection.whole_talk", "WHOLE ..2 CONVERSATION"),
    certain(Collection, "collection.talk_parameter", "PARAMETER_TEXT & WHOLE ..4 CONVERSATION"),
    certain(Collection, "collection.prompt_parameter", "PARAMETER_TEXT & YOUR|WHOLE ..3 PROMPT"),
    certain(
        Collection,
        "collection.environment_parameter",
        "PARAMETER_TEXT & WHOLE ..3 ENVIRONMENT",
    ),
    certain(
        Collection,
        "collection.secrets_parameter",
        "PARAMETER_TEXT & SECRET|ENVIRONMENT ..6 YOU_HAVE",
    ),
    certain(Collection, "collection.talk_handed_over", "HAND_OVER ..4 CONVERSATION ..3 WHOLE"),
    likely(Collection, "collection.private_parameter", "PARAMETER_TEXT & USER ..8 PRIVATE_THING"),
    likely(Collection, "collection.secrets_parameter", "PARAMETER_TEXT & EVERY ..2 SECRET"),
    likely(Collection, "collection.file_parameter", "PARAMETER_TEXT & SECRET ..4 SECRET_PATH"),
    likely(Collection, "collection.tools_parameter", "PARAMETER_TEXT & OTHER_TOOLS"),
    likely(Collection, "collection.thoughts_parameter", "PARAMETER_TEXT & YOUR ..2 THOUGHTS"),
    likely(Collection, "collection.model_parameter", "PARAMETER_TEXT & MODEL_ID"),
    likely(Collection, "collection.results_parameter", "PARAMETER_TEXT & PRIOR ..3 TOOL_RESULTS"),
    certain(Collection, "collection.prompt", "HAND_OVER|WHOLE ..4 PROMPT"),
    likely(
        Collection,
        "collection.talk_so_far",
        "TALK_SO_FAR & HAND_OVER|CALL|PARAMETER|PARAMETER_TEXT",
    ),
    likely(
        Collection,
        "collection.agents_own",
        "PARAMETER_TEXT & SECRET_VARIABLE|SECRET ..4 AGENTS_OWN",
    ),
];

//! This file holds the marks of chat templates and the markup that hides or fetches.
//!
//! It leaves finding them to `markup`.

use crate::merger::sanitize::policy::Certainty::{self, Certain, Likely};
use crate::merger::sanitize::policy::Class::{self, Markup, Tokens};

/// One mark.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Mark {
    pub(in super::super) id: &'static str,
    pub(in super::super) class: Class,
    pub(in super::super) certainty: Certainty,
    /// How it is written; case does not matter.
    pub(in super::super) text: &'static str,
    /// Only as a whole tag or name, not as the start of a longer word.
    pub(in super::super) whole_tag: bool,
    /// Only where a line begins.
    pub(in super::super) line_start: bool,
    /// Lawful where it is only spoken of.
    pub(in super::super) mentionable: bool,
    /// Only with attributes, or with text up to its end tag.
    pub(in super::super) filled: bool,
    /// What ends it; without it only the line gives way.
    pub(in super::super) until: Option<&'static str>,
}

const fn mark(id: &'static str, class: Class, certainty: Certainty, text: &'static str) -> Mark {
    Mark {
        id,
        class,
        certainty,
        text,
        whole_tag: false,
        line_start: false,
        mentionable: false,
        filled: false,
        until: None,
    }
}

/// A token that starts or ends a turn.
const fn turn(text: &'static str) -> Mark {
    mark("tokens.turn", Tokens, Certain, text)
}

/// A token that ends a text; tools that count tokens speak of it.
const fn end(text: &'static str) -> Mark {
    Mark { mentionable: true, ..mark("tokens.end", Tokens, Certain, text) }
}

/// A tag that gives its text another author.
const fn role(text: &'static str) -> Mark {
    Mark { whole_tag: true, ..mark("tokens.role_tag", Tokens, Certain, text) }
}

/// A line that begins as another's turn does.
const fn speaker(text: &'static str) -> Mark {
    Mark { line_start: true, ..mark("tokens.speaker", Tokens, Certain, text) }
}

/// A tag that runs or fetches something.
const fn live(text: &'static str) -> Mark {
    Mark { whole_tag: true, filled: true, ..mark("markup.live_tag", Markup, Certain, text) }
}

const fn address(text: &'static str) -> Mark {
    mark("markup.address", Markup, Certain, text)
}

/// A style that hides text.
const fn hidden(text: &'static str) -> Mark {
    Mark { mentionable: true, ..mark("markup.hidden_style", Markup, Certain, text) }
}

pub(in super::super) const MARKS: &[Mark] = &[
    turn("<|im_start|"),
    turn("<|im_end|"),
    turn("<|im_sep|"),
    turn("<|eot_id|"),
    turn("<|eom_id|"),
    turn("<|start_header_id|"),
    turn("<|end_header_id|"),
    turn("<|begin_of_text|"),
    turn("<|python_tag|"),
    turn("<|system|"),
    turn("<|user|"),
    turn("<|assistant|"),
    turn("<|tool|"),
    turn("<|tool_call"),
    turn("<|start|"),
    turn("<|end|"),
    turn("<|message|"),
    turn("<|channel|"),
    turn("<|return|"),
    turn("<|call|"),
    turn("<|constrain|"),
    turn("<|start_of_role|"),
    turn("<|end_of_role|"),
    turn("<|header_start|"),
    turn("<|header_end|"),
    turn("<|eot|"),
    turn("<|end_of_turn|"),
    turn("<|start_of_turn|"),
    turn("<|start_of_turn_token|"),
    turn("<|end_of_turn_token|"),
    turn("<|system_token|"),
    turn("<|user_token|"),
    turn("<|chatbot_token|"),
    turn("<|endofprompt|"),
    turn("<｜user｜"),
    turn("<｜assistant｜"),
    turn("<｜tool"),
    turn("<｜begin"),
    turn("<｜end"),
    turn("<start_of_turn>"),
    turn("<end_of_turn>"),
    turn("[inst]"),
    turn("[/inst]"),
    turn("<<sys>>"),
    turn("<</sys>>"),
    turn("[system_prompt]"),
    turn("[/system_prompt]"),
    turn("[available_tools]"),
    turn("[tool_calls]"),
    turn("[tool_results]"),
    turn("<function_calls>"),
    turn("</function_calls>"),
    turn("<function_results>"),
    turn("<invoke name"),
    turn("<tool_call>"),
    turn("<tool_response>"),
    turn("<tool_use>"),
    turn("<tool_result>"),
    turn("antml:"),
    turn("<function="),
    turn("<think>"),
    turn("</think>"),
    turn("<thinking>"),
    turn("<scratchpad>"),
    turn("[gmask]"),
    turn("<sop>"),
    turn("<unused"),
    turn("<reserved_"),
    turn("{\"role\":\"system\""),
    turn("{\"role\": \"system\""),
    turn("{\"role\":\"assistant\""),
    turn("{\"role\": \"assistant\""),
    turn("{\"role\":\"user\""),
    turn("{\"role\": \"user\""),
    end("<|endoftext|"),
    end("<|end_of_text|"),
    end("<|end_of_sentence|"),
    end("</s>"),
    end("<eos>"),
    end("<bos>"),
    role("<system"),
    role("</system"),
    role("<system-reminder"),
    role("<system_reminder"),
    role("<important"),
    role("</important"),
    role("<assistant"),
    role("</assistant"),
    role("<user_"),
    role("</user"),
    role("<human"),
    role("</human"),
    role("<admin"),
    role("<developer"),
    role("<instructions"),
    role("</instructions"),
    role("<instruction"),
    role("</instruction"),
    role("<secret"),
    role("<hidden"),
    role("<critical"),
    role("<mandatory"),
    role("<override"),
    role("<prompt"),
    role("</prompt"),
    role("<env"),
    role("<context"),
    role("</context"),
    role("<rules"),
    role("<directive"),
    role("<policy"),
    role("<untrusted"),
    role("</untrusted"),
    role("<tool_description"),
    role("</tool_description"),
    role("</tool"),
    role("</tools"),
    role("</document"),
    role("</documents"),
    role("</description"),
    role("[system"),
    role("[/system"),
    role("[[system"),
    role("[[assistant"),
    role("[assistant"),
    role("[admin"),
    role("[developer"),
    role("[[admin"),
    role("[[important"),
    role("[hidden"),
    role("[[hidden"),
    role("[[instructions"),
    role("{{#system"),
    role("{{system"),
    speaker("human:"),
    speaker("assistant:"),
    speaker("system:"),
    speaker("user:"),
    speaker("ai:"),
    speaker("### instruction"),
    speaker("### system"),
    speaker("### assistant"),
    speaker("### response:"),
    speaker("### human"),
    speaker("### user"),
    speaker("```system"),
    live("<script"),
    live("<iframe"),
    live("<object"),
    live("<embed"),
    live("<img"),
    live("<svg"),
    live("<style"),
    live("<link"),
    live("<meta"),
    live("<base"),
    live("<form"),
    live("<video"),
    live("<audio"),
    live("<marquee"),
    live("<noscript"),
    live("<template"),
    live("<details"),
    live("<!entity"),
    live("<!doctype"),
    live("<![cdata["),
    live("<?xml"),
    live("<?php"),
    address("javascript:"),
    address("vbscript:"),
    address("data:text/html"),
    address("data:text/plain"),
    address("data:image/svg"),
    address("]: # ("),
    address("[//]: #"),
    Mark { filled: true, until: Some(")"), ..mark("markup.remote_image", Markup, Certain, "![") },
    hidden("style=\"display:none"),
    hidden("style=\"display: none"),
    hidden("style='display:none"),
    hidden("style='display: none"),
    hidden("font-size:0"),
    hidden("font-size: 0"),
    hidden("font-size:1px"),
    hidden("font-size: 1px"),
    hidden("visibility:hidden"),
    hidden("visibility: hidden"),
    hidden("opacity:0"),
    hidden("opacity: 0"),
    hidden("color:white"),
    hidden("color: white"),
    hidden("color:#fff"),
    hidden("color: #fff"),
    hidden("color:transparent"),
    hidden("left:-9999"),
    hidden("aria-hidden=\"true\""),
    mark("markup.hidden_style", Markup, Certain, "<span hidden"),
    mark("markup.hidden_style", Markup, Certain, "<div hidden"),
    mark("markup.hidden_style", Markup, Certain, "\\phantom{"),
    mark("markup.hidden_style", Markup, Certain, "\\color{white}"),
    mark("markup.spoiler", Markup, Likely, "<noinclude"),
];

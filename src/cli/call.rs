//! This file is `conductor call`: one tool call through the running daemon.
//!
//! It leaves finding the tool and waiting for its server to the daemon.

use std::io::Read;

use conductor_config::format_duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::args::CallArgs;
use super::load::client;
use super::out::Out;
use crate::admin::{CallAnswer, ClientError, Problem};
use crate::exit::{Exit, Failure};

#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    arguments: &'a RawValue,
    workspace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
}

pub(super) async fn run(args: &CallArgs, out: Out) -> Result<Exit, Failure> {
    let arguments = arguments(args)?;
    let body = Body {
        name: &args.tool,
        arguments: &arguments,
        workspace_id: args.scope.workspace.as_str(),
        server: args.scope.server.as_ref().map(AsRef::as_ref),
        timeout: args.timeout.map(format_duration),
    };
    let client = client(&args.daemon)?;
    let asked = client.post("/api/v1/aegis/call", &body);
    let answer: CallAnswer = match out.patiently(&format!("waiting for {}", args.tool), asked).await
    {
        Ok(answer) => answer,
        Err(ClientError::Refused(problem)) => {
            explain(&problem, out);
            return Err(ClientError::Refused(problem).into());
        }
        Err(error) => return Err(error.into()),
    };
    show(&answer, args.json, out)
}

fn arguments(args: &CallArgs) -> Result<Box<RawValue>, Failure> {
    let mut text = args.arguments.clone();
    if text == "-" {
        text.clear();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|source| Failure::System { doing: "read the arguments from stdin", source })?;
    }
    let wrong = |what: &str| {
        Failure::Usage(format!(
            "the arguments must be a JSON object such as '{{\"a\": 1}}': {what}"
        ))
    };
    let raw: Box<RawValue> =
        serde_json::from_str(text.trim()).map_err(|e| wrong(&e.to_string()))?;
    if raw.get().starts_with('{') { Ok(raw) } else { Err(wrong("this is another JSON value")) }
}

/// What a person wants to know about a call that brought nothing, beside that it did not.
fn explain(problem: &Problem, out: Out) {
    for line in &problem.stderr_tail {
        out.note(format_args!("  stderr | {line}"));
    }
    match problem.fate.as_deref() {
        Some("outcome_unknown") => out.note("the call may have taken effect nevertheless"),
        Some("completed") => out.note("the call has taken effect nevertheless"),
        _ => {}
    }
}

fn show(answer: &CallAnswer, json: bool, out: Out) -> Result<Exit, Failure> {
    let Some(result) = &answer.result else {
        let error = answer.error.as_deref().map(RawValue::get).unwrap_or("null");
        if json {
            out.data(error)?;
        } else {
            out.note(error_line(error));
        }
        return Ok(Exit::Failed);
    };
    let read: CallResult = serde_json::from_str(result.get()).unwrap_or_default();
    if json {
        out.json(result)?;
    } else {
        out.data(&read.text(result.get()))?;
    }
    Ok(if read.is_error { Exit::Failed } else { Exit::Success })
}

fn error_line(error: &str) -> String {
    let read: Value = serde_json::from_str(error).unwrap_or_default();
    match (read["message"].as_str(), read["code"].as_i64()) {
        (Some(message), Some(code)) => format!("the server refused: {message} (code {code})"),
        _ => format!("the server refused: {error}"),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallResult {
    #[serde(default)]
    content: Vec<Value>,
    structured_content: Option<Value>,
    #[serde(default)]
    is_error: bool,
}

impl CallResult {
    /// The text blocks, other blocks as JSON; without any block the structured content, else
    /// `whole`.
    fn text(&self, whole: &str) -> String {
        if self.content.is_empty() {
            let structured = self.structured_content.as_ref().map(Value::to_string);
            return structured.unwrap_or_else(|| whole.to_owned());
        }
        let block = |block: &Value| match (block["type"].as_str(), block["text"].as_str()) {
            (Some("text"), Some(text)) => text.to_owned(),
            _ => block.to_string(),
        };
        self.content.iter().map(block).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(result: &str, text: &str, is_error: bool) {
        let read: CallResult = serde_json::from_str(result).unwrap();
        assert_eq!((read.text(result).as_str(), read.is_error), (text, is_error));
    }

    #[test]
    fn the_text_of_a_result_is_shown() {
        check(r#"{"content":[{"type":"text","text":"3"}]}"#, "3", false);
        check(
            r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"isError":true}"#,
            "a\nb",
            true,
        );
    }

    #[test]
    fn what_is_no_text_is_shown_as_json() {
        check(
            r#"{"content":[{"type":"image","data":"AA=="}]}"#,
            r#"{"data":"AA==","type":"image"}"#,
            false,
        );
        check(r#"{"content":[],"structuredContent":{"sum":3}}"#, r#"{"sum":3}"#, false);
        check(r#"{"toolResult":1}"#, r#"{"toolResult":1}"#, false);
    }

    #[test]
    fn a_refusal_is_a_sentence() {
        assert_eq!(
            error_line(r#"{"code":-32602,"message":"no such key"}"#),
            "the server refused: no such key (code -32602)"
        );
        assert_eq!(error_line("7"), "the server refused: 7");
    }
}

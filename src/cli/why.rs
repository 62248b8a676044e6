//! This file is `conductor why`: one sentence on one tool, and what was found in its definition.

use std::fmt::Write as _;

use super::args::WhyArgs;
use super::load::client;
use super::out::Out;
use super::tools::query;
use crate::admin::{Explained, Why};
use crate::exit::{Exit, Failure};

pub(super) async fn run(args: &WhyArgs, out: Out) -> Result<Exit, Failure> {
    let client = client(&args.daemon)?;
    let name: String = form_urlencoded::byte_serialize(args.tool.as_bytes()).collect();
    let path = format!("/api/v1/aegis/tools/why?name={name}&{}", query(&args.scope));
    let why: Why = client.get(&path).await?;
    if args.json {
        out.json(&why)?;
    } else {
        out.data(&told(&why))?;
    }
    Ok(if why.shown { Exit::Success } else { Exit::Failed })
}

fn told(why: &Why) -> String {
    let mut text = format!("{}: {}", why.name, why.reason);
    for line in why.tool.iter().flat_map(findings) {
        let _ = write!(text, "\n  {line}"); // a String takes everything
    }
    text
}

/// What is to be told of a definition, a line each.
pub(super) fn findings(tool: &Explained) -> impl Iterator<Item = String> {
    let described = tool.described.then(|| "description: that of `toolDescriptions`".to_owned());
    let found = tool.findings.iter().map(|found| {
        let done = match found.action.as_str() {
            "report" => "left as it is",
            "strip" => "taken out",
            "redact" => "replaced by a mark",
            "quarantine" => "hence the tool is held back",
            _ => "hence the whole server is held back",
        };
        format!("{}: {}, {done}", found.field, found.rule)
    });
    described.into_iter().chain(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Found;

    #[test]
    fn a_tool_is_a_sentence_and_a_line_for_each_finding() {
        let found = |action: &str| Found {
            rule: "hidden.tags".to_owned(),
            field: "description".to_owned(),
            action: action.to_owned(),
            before_hash: String::new(),
        };
        let tool = Explained {
            server: "git".to_owned(),
            tool: "log".to_owned(),
            name: None,
            reason: None,
            findings: vec![found("strip"), found("quarantine")],
            described: true,
        };
        let why = Why {
            name: "git.log".to_owned(),
            shown: false,
            reason: "held back".to_owned(),
            tool: Some(tool),
        };
        assert_eq!(
            told(&why),
            "git.log: held back\n  description: that of `toolDescriptions`\n  description: \
             hidden.tags, taken out\n  description: hidden.tags, \
             hence the tool is held back"
        );
    }
}

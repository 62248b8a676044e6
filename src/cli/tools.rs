//! This file is `conductor tools`: what agents see.
//!
//! It shows definitions as their servers wrote them, or the first line of each description.

use conductor_config::format_duration;
use serde::Deserialize;

use super::args::{ScopeArgs, ToolsArgs};
use super::load::client;
use super::out::Out;
use super::table::{first_line, table};
use super::why::findings;
use crate::admin::{Client, Explanations, ToolList};
use crate::exit::{Exit, Failure};

/// Characters of a description that are shown.
const DESCRIPTION: usize = 100;

#[derive(Deserialize)]
struct Tool {
    name: String,
    title: Option<String>,
    description: Option<String>,
}

pub(super) async fn run(args: &ToolsArgs, out: Out) -> Result<Exit, Failure> {
    let client = client(&args.daemon)?;
    let wait = format_duration(args.wait);
    let path = format!("/api/v1/aegis/tools?{}&wait={wait}", query(&args.scope));
    if args.explain {
        return explain(args, &client, out).await;
    }
    let list: ToolList = out.patiently("waiting for servers to come up", client.get(&path)).await?;
    if args.json {
        out.json(&list.tools)?;
    } else {
        out.data(&shown(list.tools.get()))?;
    }
    for (server, state) in &list.servers {
        match state.as_str() {
            "awaited" => out.note(format_args!("{server}: still starting, its tools will follow")),
            "missing" => out.note(format_args!("{server}: not up; see `conductor status`")),
            _ => {}
        }
    }
    Ok(Exit::Success)
}

/// What became of every tool that a server lists.
async fn explain(args: &ToolsArgs, client: &Client, out: Out) -> Result<Exit, Failure> {
    let path = format!("/api/v1/aegis/tools/explain?{}", query(&args.scope));
    let all: Explanations = client.get(&path).await?;
    if args.json {
        out.json(&all.tools)?;
        return Ok(Exit::Success);
    }
    let rows: Vec<[String; 3]> = all
        .tools
        .iter()
        .map(|tool| {
            let told = tool.reason.clone().into_iter().chain(findings(tool));
            let told = told.collect::<Vec<_>>().join("; ");
            let shown = tool.name.clone().unwrap_or_else(|| "-".to_owned());
            [format!("{}: {}", tool.server, tool.tool), shown, told]
        })
        .collect();
    out.data(&table(["TOOL", "SHOWN AS", "WHY, AND WHAT WAS FOUND"], &rows))?;
    Ok(Exit::Success)
}

pub(super) fn query(scope: &ScopeArgs) -> String {
    let server = scope.server.as_ref().map(|server| format!("&server={server}"));
    format!("workspace_id={}{}", scope.workspace, server.unwrap_or_default())
}

/// A table of the tools in `json`, an array of definitions. What is no definition is left out.
fn shown(json: &str) -> String {
    let tools: Vec<serde_json::Value> = serde_json::from_str(json).unwrap_or_default();
    let tools = tools.into_iter().filter_map(|tool| serde_json::from_value::<Tool>(tool).ok());
    let rows: Vec<[String; 2]> = tools
        .map(|tool| {
            let told = tool.description.or(tool.title).unwrap_or_default();
            [tool.name, first_line(&told, DESCRIPTION)]
        })
        .collect();
    table(["TOOL", "DESCRIPTION"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_a_line() {
        let json = r#"[{"name":"git.log","description":"Shows.\nMore","inputSchema":{}},
            {"name":"t.x","title":"X"},{"name":7}]"#;
        assert_eq!(shown(json), "TOOL     DESCRIPTION\ngit.log  Shows.\nt.x      X");
    }
}

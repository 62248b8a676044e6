//! This file tells what became of tools: shown, hidden by a setting, or refused, and what was found.
//!
//! It leaves deciding that to the merger; here it is only put into words.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use conductor_actors::wire::CallKind;
use conductor_actors::{
    Account, Catalog, Filter, Finding, ListKind, ListState, Resolution, Scope, Visibility,
};
use conductor_config::{ServerId, nearest};
use serde::{Deserialize, Serialize};

use super::routes::{Admin, scope};
use crate::rest::{Problem, Refusal, bad_query};

/// What became of one tool that a server lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Whose it is.
    pub server: String,
    /// Its server's name for it.
    pub tool: String,
    /// Its name in the list of all servers, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Otherwise why it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was found in its definition.
    #[serde(default)]
    pub findings: Vec<Found>,
    /// Whether its description is that of the settings, and not its server's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub described: bool,
}

/// One thing found in a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The rule's name.
    pub rule: String,
    /// Where: keys and places from the definition's top, joined by `/`.
    pub field: String,
    /// What was done: `report`, `strip`, `redact`, `quarantine` or `block`.
    pub action: String,
    /// SHA-256 of the text as it came, in hexadecimal.
    pub before_hash: String,
}

/// What became of all tools.
#[derive(Debug, Serialize, Deserialize)]
pub struct Explanations {
    /// Tool by tool.
    pub tools: Vec<Explained>,
}

/// Why a name leads to a tool, or does not.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The name.
    pub name: String,
    /// Whether agents can call it.
    pub shown: bool,
    /// One sentence.
    pub reason: String,
    /// The tool that is meant, if a server lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Explained>,
}

impl From<&Finding> for Found {
    fn from(finding: &Finding) -> Self {
        Self {
            rule: finding.rule.to_owned(),
            field: finding.field.clone(),
            action: finding.action.as_str().to_owned(),
            before_hash: finding.before_hash.clone(),
        }
    }
}

impl Explained {
    fn new(server: &ServerId, account: &Account) -> Self {
        let (name, reason) = match &account.visibility {
            Visibility::Shown { name } => (Some(name.to_string()), None),
            Visibility::Filtered(filter) => (None, Some(hidden(filter))),
            Visibility::Rejected(reason) => (None, Some(reason.clone())),
        };
        Self {
            server: server.to_string(),
            tool: account.tool.to_string(),
            name,
            reason,
            findings: account.findings.iter().map(Found::from).collect(),
            described: account.described,
        }
    }
}

fn hidden(filter: &Filter) -> String {
    match filter {
        Filter::NotIncluded => "hidden: no pattern of `includeTools` matches".to_owned(),
        Filter::Excluded(pattern) => format!("hidden: `excludeTools` has \"{pattern}\""),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllQuery {
    workspace_id: Option<String>,
    server: Option<String>,
}

pub(super) async fn all(
    State(admin): State<Admin>,
    query: Result<Query<AllQuery>, QueryRejection>,
) -> Result<Json<Explanations>, Refusal> {
    let Query(query) = query.map_err(bad_query)?;
    let scope = scope(query.workspace_id.as_deref(), query.server.as_deref())?;
    let catalog = admin.system.catalog().current();
    if let (Scope::Server(server), None) = (&scope, catalog.view(&scope)) {
        return Err(Problem::unknown_server(server));
    }
    let tools = servers(&catalog, &scope).into_iter().flat_map(|(server, _)| {
        let accounts = catalog.accounts(&server).iter();
        accounts.map(|account| Explained::new(&server, account)).collect::<Vec<_>>()
    });
    Ok(Json(Explanations { tools: tools.collect() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyQuery {
    name: String,
    workspace_id: Option<String>,
    server: Option<String>,
}

pub(super) async fn why(
    State(admin): State<Admin>,
    query: Result<Query<WhyQuery>, QueryRejection>,
) -> Result<Json<Why>, Refusal> {
    let Query(query) = query.map_err(bad_query)?;
    let scope = scope(query.workspace_id.as_deref(), query.server.as_deref())?;
    let catalog = admin.system.catalog().current();
    let separator = admin.system.config().catalog.separator.clone();
    Ok(Json(explain(&catalog, &scope, &separator, query.name)))
}

fn servers(catalog: &Catalog, scope: &Scope) -> Vec<(ServerId, ListState)> {
    let view = catalog.view(scope).map(|view| view.list(ListKind::Tools).servers());
    view.into_iter().flatten().map(|(id, state)| (id.clone(), *state)).collect()
}

/// Follows `name` through `scope` as far as it leads.
fn explain(catalog: &Catalog, scope: &Scope, separator: &str, name: String) -> Why {
    let shown = catalog.view(scope).map(|view| view.resolve(CallKind::Tool, &name));
    let account = |server: &ServerId, tool: &str| {
        let accounts = catalog.accounts(server).iter();
        let mut named = accounts.filter(|account| *account.tool == *tool);
        named.next().map(|account| Explained::new(server, account))
    };
    if let Some(Resolution::Found(target)) = shown {
        let reason = format!("tool `{}` of server `{}` is shown", target.name, target.server);
        let tool = account(&target.server, &target.name);
        return Why { name, shown: true, reason, tool };
    }
    let known = servers(catalog, scope);
    let Some((server, tool, state)) = named(&known, scope, separator, &name) else {
        let names: Vec<&str> = known.iter().map(|(id, _)| id.name.as_ref()).collect();
        let meant = name.split(separator).next().unwrap_or(&name);
        let hint = similar(meant, &names);
        let reason = format!("no server has a name that `{name}` begins with{hint}");
        return Why { name, shown: false, reason, tool: None };
    };
    let tool_found = account(server, tool);
    let reason = match (&tool_found, state) {
        (Some(found), _) => {
            found.reason.clone().unwrap_or_else(|| "it is not in this list".to_owned())
        }
        (None, ListState::Known | ListState::Absent) => {
            let tools = catalog.accounts(server).iter();
            let tools: Vec<&str> = tools.map(|account| &*account.tool).collect();
            format!("server `{server}` lists no tool `{tool}`{}", similar(tool, &tools))
        }
        (None, ListState::Awaited) => {
            format!("server `{server}` has not been up yet, so that its tools are not known")
        }
        (None, ListState::Missing) => {
            format!(
                "server `{server}` is down, and its tools are not known; see `conductor status`"
            )
        }
    };
    Why { name, shown: false, reason, tool: tool_found }
}

/// The server that `name` begins with, and what it calls the tool.
fn named<'a>(
    known: &'a [(ServerId, ListState)],
    scope: &Scope,
    separator: &str,
    name: &'a str,
) -> Option<(&'a ServerId, &'a str, ListState)> {
    let rest = |id: &ServerId| match scope {
        Scope::Server(_) => Some(name),
        Scope::Workspace(_) | Scope::View(_) => {
            let rest = name.strip_prefix(id.name.as_ref())?;
            rest.strip_prefix(separator).or_else(|| rest.strip_prefix("__"))
        }
    };
    known.iter().find_map(|(id, state)| Some((id, rest(id)?, *state)))
}

fn similar(word: &str, known: &[&str]) -> String {
    nearest(word, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

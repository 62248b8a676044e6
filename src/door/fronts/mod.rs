//! This folder does what the few tools do that a view may show in place of all that it has.
//!
//! What is only looked up is answered from the catalogue (`lookup`, `choice`). A call that stands for
//! another becomes that one before anything is decided about it, so that it passes all that a direct call
//! passes. Which views show such tools, and how they are listed, is for the catalogue.

mod choice;
mod lookup;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{CallKind, CallParams, Hop, Id, Members, Rope, Text, Words};
use conductor_actors::{Form, FrontTool, ListKind, Scope, View};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::era::{self, Era};
use super::reply::{Refusal, foreign_result};
use super::service::{Peer, Service};
use choice::Choice;
use lookup::Said;

/// How many tools are found if nobody says how many, and at most.
const FOUND: (usize, usize) = (10, 50);
/// The longest text that is searched for, in bytes.
const QUERY: usize = 1024;
/// The longest that `execute_tool` is told to wait.
const WAIT: Duration = Duration::from_secs(24 * 3600);

/// What a call of a tool that stands for others comes to.
enum Behind {
    /// This call, which may take so long, if that is said.
    Call(Box<CallParams>, Option<Duration>),
    /// An answer at once.
    Said(Said),
}

impl Service {
    /// Makes a call and answers the request for it. One of a tool that stands for others becomes the
    /// call that is meant.
    pub(super) async fn call(
        &self,
        id: &Id,
        params: Box<CallParams>,
        era: Era,
        peer: &Peer<'_>,
    ) -> Result<Rope, Refusal> {
        let Some((tool, view, form)) = self.front(&params, era) else {
            return self.call_straight(id, params, era, peer).await;
        };
        let result = match self.behind(tool, (view, form), params).await {
            Ok(Behind::Call(params, None)) => {
                return self.call_straight(id, params, era, peer).await;
            }
            Ok(Behind::Call(params, Some(limit))) => {
                match timeout(limit, self.call_straight(id, params, era, peer)).await {
                    Ok(answer) => return answer,
                    Err(_) => {
                        let millis = limit.as_millis();
                        lookup::failed(&format!("Tool execution timed out after {millis}ms"))
                    }
                }
            }
            Ok(Behind::Said(said)) => said.result(),
            Err(reason) => lookup::failed(&reason),
        };
        let result = (&result, Words::NONE);
        let answer = era::response(id, (CallKind::Tool, false), result, Hop::Legacy, era);
        Ok(answer.unwrap_or_else(|error| foreign_result(id, CallKind::Tool, &error).into()))
    }

    /// The tool that stands for others, if it is one that is called.
    fn front(&self, params: &CallParams, era: Era) -> Option<(FrontTool, Arc<View>, Form)> {
        if params.kind != CallKind::Tool || !matches!(self.scope(), Scope::View(_)) {
            return None;
        }
        let catalog = self.system().catalog().current();
        let view = catalog.view(self.scope())?;
        let tool = view.front_tool(&params.name)?;
        Some((tool, Arc::clone(view), Form { hop: era.hop(), style: self.style(&catalog) }))
    }

    /// What a call of `tool` comes to, or what is wrong with it, for the agent.
    async fn behind(
        &self,
        tool: FrontTool,
        (view, form): (Arc<View>, Form),
        params: Box<CallParams>,
    ) -> Result<Behind, String> {
        let said = match tool {
            FrontTool::Search => self.search(read(&params)?, form).await?,
            FrontTool::Describe => {
                let Named { name } = read(&params)?;
                let found = lookup::described(&*self.listed(view).await, form, &name);
                found.ok_or_else(|| format!("unknown tool `{name}`"))?
            }
            FrontTool::Servers => {
                let Wanted { include_metadata } = read(&params)?;
                lookup::servers(&view, &self.system().config(), include_metadata)
            }
            FrontTool::ServerTools => {
                let choice: Choice = read(&params)?;
                lookup::server_tools(&*self.listed(view).await, &choice)
            }
            FrontTool::Call => {
                let (name, arguments) = meant(&params, ["name", "arguments"])?;
                return Ok(Behind::Call(Box::new(params.for_tool(name, arguments)), None));
            }
            FrontTool::Execute => return self.execute(&view, params),
        };
        Ok(Behind::Said(said))
    }

    /// The view as it is once something is known of its tools.
    async fn listed(&self, before: Arc<View>) -> Arc<View> {
        self.await_list(ListKind::Tools).await;
        let catalog = self.system().catalog().current();
        catalog.view(self.scope()).cloned().unwrap_or(before)
    }

    async fn search(&self, search: Search, form: Form) -> Result<Said, String> {
        if search.query.len() > QUERY {
            return Err(format!("`query` has up to {QUERY} bytes"));
        }
        let (usual, most) = FOUND;
        let most = search.limit.unwrap_or(usual).clamp(1, most);
        self.await_list(ListKind::Tools).await;
        let catalog = self.system().catalog().current();
        let scope = self.scope().clone();
        // The first search of a long list reads all of it.
        let searching = tokio::task::spawn_blocking(move || {
            catalog.view(&scope).map(|view| lookup::found(view, form, &search.query, most))
        });
        let found = searching.await.ok().flatten();
        found.ok_or_else(|| "there is nothing to search".to_owned())
    }

    fn execute(&self, view: &View, params: Box<CallParams>) -> Result<Behind, String> {
        let Execution { server, timeout_ms } = read(&params)?;
        let (tool, arguments) = meant(&params, ["tool", "args"])?;
        if !view.list(ListKind::Tools).servers().keys().any(|id| *id.name.as_str() == *server) {
            return Err(lookup::no_server(&server));
        }
        let limit = match timeout_ms {
            Some(0) => return Err("`timeout_ms` must be above 0".to_owned()),
            Some(millis) => Some(Duration::from_millis(millis).min(WAIT)),
            None => None,
        };
        let name = format!("{server}{}{tool}", self.system().config().catalog.separator);
        Ok(Behind::Call(Box::new(params.for_tool(Text::from(name), arguments)), limit))
    }
}

/// Arguments of `search_tools`.
#[derive(Deserialize)]
struct Search {
    query: String,
    limit: Option<usize>,
}

/// Arguments of `describe_tool`.
#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Arguments of `list_servers`.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    include_metadata: bool,
}

/// Arguments of `execute_tool` that are not passed on.
#[derive(Deserialize)]
struct Execution {
    server: String,
    timeout_ms: Option<u64>,
}

/// The arguments of a call, as far as they are asked for.
fn read<T: DeserializeOwned>(params: &CallParams) -> Result<T, String> {
    let arguments = params.arguments().map_or(&b"{}"[..], |arguments| arguments);
    serde_json::from_slice(arguments).map_err(|error| format!("the arguments do not fit: {error}"))
}

/// The tool that a call stands for and what it is to be called with, under these keys.
fn meant(params: &CallParams, [tool, with]: [&str; 2]) -> Result<(Text, Option<Bytes>), String> {
    let arguments = params.arguments().cloned().unwrap_or_default();
    let members = Members::read(&arguments).map_err(|_| format!("`{tool}` is missing"))?;
    let name = members.text(tool).ok_or_else(|| format!("`{tool}` must be a string"))?;
    match members.get(with) {
        Some(raw) if raw.first() == Some(&b'{') => Ok((name, Some(raw.clone()))),
        Some(raw) if raw != "null" => Err(format!("`{with}` must be an object")),
        Some(_) | None => Ok((name, None)),
    }
}

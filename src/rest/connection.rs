//! This file says what a connection looks like in JSON, and makes one of what the board knows.
//!
//! It leaves reading the board to the routes. Values of `env` and `headers` have no place here.

use std::path::PathBuf;

use conductor_actors::{InstanceStatus, ServerStatus};
use conductor_config::{Isolation, ServerId, Transport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Secrets;
use super::{masked, rfc3339};
use crate::door::unix::ServerSocket;
use crate::reload::Entry;

/// One server as it is shown to people and programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// The workspace it belongs to.
    pub workspace_id: String,
    /// Its name in there.
    pub name: String,
    /// Where its settings come from: `file` or `api`.
    pub source: String,
    /// `stdio`, `http` or `sse`.
    pub transport: String,
    /// Program and arguments of a child process, credentials blotted out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Endpoint of a remote server, without credentials and query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `stopped`, `starting`, `running`, `degraded`, `backoff`, `failed` or `draining`.
    pub state: String,
    /// Why it is `degraded`, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degraded>,
    /// `healthy`, `unhealthy` or `unknown`.
    pub health: String,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// Its processes, itself and all that it started; as all three of these some seconds old, and
    /// unknown in the first seconds of a life and for servers elsewhere.
    #[serde(default)]
    pub processes: Option<usize>,
    /// Bytes of memory they have resident; what they share counts for each.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Processor time they use, in percent of one processor.
    #[serde(default)]
    pub cpu: Option<f64>,
    /// Which life it is in; 0 before the first.
    pub generation: u64,
    /// Lives after the first since the daemon started.
    pub restarts: u64,
    /// When it last proved to be alive, RFC 3339.
    pub last_heartbeat: Option<String>,
    /// How its last life ended.
    pub last_error: Option<LastError>,
    /// When it is started again, RFC 3339.
    pub next_retry: Option<String>,
    /// Where its own Unix socket is open.
    #[schema(value_type = Option<String>)]
    pub socket: Option<PathBuf>,
    /// Why it is not, if it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket_error: Option<String>,
    /// How many tools it offers, as far as known.
    pub tools: usize,
    /// Calls under way.
    pub in_flight: usize,
    /// The revision of MCP spoken with it.
    pub protocol_version: Option<String>,
    /// Who shares a process of it: `shared`, `perSession` or `perCall`.
    #[serde(default)]
    pub isolation: String,
    /// Those that run for single callers, if it is not shared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
}

/// A process of a server that runs for one session or one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    /// Its number, as log lines have it.
    pub number: u64,
    /// `starting`, `running` or `draining`.
    pub state: String,
    /// Its process, while it takes calls and is one of ours.
    pub pid: Option<u32>,
    /// Calls under way.
    pub in_flight: usize,
}

impl Instance {
    fn new(status: &InstanceStatus) -> Self {
        Self {
            number: status.number.number(),
            state: status.state.as_str().to_owned(),
            pid: status.pid,
            in_flight: status.in_flight,
        }
    }
}

/// Why a server that takes calls is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Degraded {
    /// `heartbeat_missed` or `garbage`.
    pub code: String,
    /// A clause that completes "the server …".
    pub message: String,
}

/// How a server's life ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastError {
    /// A stable word.
    pub code: String,
    /// A clause that completes "the server …".
    pub message: String,
    /// When, RFC 3339.
    pub at: String,
    /// What it last wrote to stderr, oldest line first; 20 lines at most.
    pub stderr_tail: Vec<String>,
}

/// A list of connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Connections {
    /// By workspace and name.
    pub connections: Vec<Connection>,
    /// What gets the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Connection {
    /// The server `status` is about, which offers `tools` tools, and what has become of its socket.
    #[must_use]
    pub fn new(status: &ServerStatus, tools: usize, socket: Option<ServerSocket>) -> Self {
        let spec = &status.spec;
        let (command, url) = shown(&spec.transport);
        let secrets = Secrets::of(spec);
        let (socket, socket_error) = match socket {
            Some(Ok(path)) => (Some(path), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let last_error = status.last_error.as_ref().map(|(downfall, at)| LastError {
            code: downfall.cause.code().to_owned(),
            message: secrets.blotted(&downfall.to_string()).into_owned(),
            at: rfc3339(*at),
            stderr_tail: downfall
                .stderr_tail
                .iter()
                .map(|line| secrets.blotted(line).into_owned())
                .collect(),
        });
        Self {
            workspace_id: spec.id.workspace.to_string(),
            name: spec.id.name.to_string(),
            source: spec.origin.as_str().to_owned(),
            transport: spec.transport.as_str().to_owned(),
            command,
            url,
            state: status.state.as_str().to_owned(),
            degraded: status.weakness.map(|weakness| Degraded {
                code: weakness.code().to_owned(),
                message: weakness.to_string(),
            }),
            health: status.health().to_owned(),
            pid: status.pid,
            processes: status.usage.map(|usage| usage.processes),
            memory: status.usage.map(|usage| usage.memory),
            cpu: status.usage.map(|usage| (usage.cpu * 1000.0).round() / 10.0),
            generation: status.generation.number(),
            restarts: status.restarts,
            last_heartbeat: status.last_heartbeat.map(rfc3339),
            last_error,
            next_retry: status.next_retry.map(rfc3339),
            socket,
            socket_error,
            tools,
            in_flight: status.in_flight(),
            protocol_version: status.protocol_version.as_deref().map(str::to_owned),
            isolation: spec.isolation.as_str().to_owned(),
            instances: status.instances.iter().map(Instance::new).collect(),
        }
    }

    /// A registration that makes no server; none if `entry` makes one.
    pub(crate) fn set_aside(id: &ServerId, entry: &Entry) -> Option<Self> {
        let (problems, at) = entry.aside.as_ref()?;
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let last_error = LastError {
            code: "bad_registration".to_owned(),
            message: format!("is set aside: {}", told.join("; ")),
            at: at.clone(),
            stderr_tail: Vec::new(),
        };
        Some(Self {
            workspace_id: id.workspace.to_string(),
            name: id.name.to_string(),
            source: "api".to_owned(),
            transport: if entry.is_remote { "http" } else { "stdio" }.to_owned(),
            command: None,
            url: None,
            state: "failed".to_owned(),
            degraded: None,
            health: "unhealthy".to_owned(),
            pid: None,
            processes: None,
            memory: None,
            cpu: None,
            generation: 0,
            restarts: 0,
            last_heartbeat: None,
            last_error: Some(last_error),
            next_retry: None,
            socket: None,
            socket_error: None,
            tools: 0,
            in_flight: 0,
            protocol_version: None,
            isolation: Isolation::Shared.as_str().to_owned(),
            instances: Vec::new(),
        })
    }

    /// The name by which commands know it: `name`, or `workspace/name` outside `default`.
    #[must_use]
    pub fn id(&self) -> String {
        match self.workspace_id.as_str() {
            "default" => self.name.clone(),
            workspace => format!("{workspace}/{}", self.name),
        }
    }

    /// Whether it takes calls.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state.as_str(), "running" | "degraded")
    }
}

/// How a server is reached, fit to be shown: its command or its URL.
#[must_use]
pub fn shown(transport: &Transport) -> (Option<Vec<String>>, Option<String>) {
    match transport {
        Transport::Stdio(stdio) => {
            let words = std::iter::once(&stdio.program).chain(&stdio.args);
            (Some(masked(words.map(String::as_str))), None)
        }
        Transport::Remote(remote) => (None, Some(remote.shown_url())),
    }
}

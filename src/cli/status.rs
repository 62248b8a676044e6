//! This file is `conductor status`: a table of the servers, and a sentence for each that is not up.
//!
//! It leaves looking at the servers to the daemon.

use std::time::Duration;

use serde::Serialize;

use super::args::StatusArgs;
use super::load::client;
use super::out::Out;
use super::table::{first_line, table};
use crate::admin::{Client, Connection, Connections, Instance, LastError};
use crate::exit::{Exit, Failure};
use crate::reload::{History, LastFailure};

/// How often `--watch` looks.
const EVERY: Duration = Duration::from_secs(1);
/// Characters of an error that fit into the table.
const ERROR: usize = 60;
/// Lines of stderr shown with an explanation.
const STDERR: usize = 5;

pub(super) async fn run(args: &StatusArgs, out: Out) -> Result<Exit, Failure> {
    let client = client(&args.daemon)?;
    let found = ask(&client).await?;
    print(&found, args.json, out)?;
    if !args.watch {
        return Ok(Exit::Success);
    }
    let mut shown = text(&found);
    loop {
        tokio::time::sleep(EVERY).await;
        let found = ask(&client).await?;
        let now = text(&found);
        if now != shown {
            out.clear()?;
            print(&found, args.json, out)?;
            shown = now;
        }
    }
}

/// What is shown.
#[derive(Debug, Serialize)]
struct Found {
    #[serde(flatten)]
    connections: Connections,
    reload: History,
}

async fn ask(client: &Client) -> Result<Found, Failure> {
    let connections = client.get("/api/v1/aegis/connections").await?;
    let reload = client.get("/api/v1/aegis/config").await?;
    Ok(Found { connections, reload })
}

fn print(found: &Found, json: bool, out: Out) -> Result<(), Failure> {
    if json { out.json(found) } else { out.data(&text(found)) }
}

/// The table, the explanations below it, and what is wrong with the settings.
fn text(found: &Found) -> String {
    let mut text = servers(&found.connections);
    if let Some(failure) = &found.reload.last_error {
        text.push_str(&format!("\n\n{}", left_out(failure)));
    }
    text
}

/// Why the settings as they are now do not hold.
fn left_out(failure: &LastFailure) -> String {
    let mut text = format!(
        "the last reload failed at {} ({}), and the settings from before are in force:",
        failure.at, failure.by
    );
    for problem in &failure.problems {
        text.push_str(&format!("\n  {problem}"));
    }
    text
}

fn servers(found: &Connections) -> String {
    if found.connections.is_empty() {
        return "the daemon runs, and its settings name no servers".to_owned();
    }
    let head = [
        "NAME",
        "STATE",
        "HEALTH",
        "PID",
        "MEMORY",
        "CPU",
        "RESTARTS",
        "TOOLS",
        "IN FLIGHT",
        "LAST ERROR",
    ];
    let rows: Vec<[String; 10]> = found.connections.iter().map(row).collect();
    let explained = found.connections.iter().filter_map(explanation);
    let apart = found.connections.iter().filter_map(instances);
    std::iter::once(table(head, &rows))
        .chain(explained)
        .chain(apart)
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn row(connection: &Connection) -> [String; 10] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let error = connection.last_error.as_ref().map(|error| first_line(&error.message, ERROR));
    [
        connection.id(),
        connection.state.clone(),
        connection.health.clone(),
        or_dash(connection.pid.map(|pid| pid.to_string())),
        or_dash(connection.memory.map(|bytes| format!("{} MiB", bytes.div_ceil(1 << 20)))),
        or_dash(connection.cpu.map(|percent| format!("{percent:.1} %"))),
        connection.restarts.to_string(),
        connection.tools.to_string(),
        connection.in_flight.to_string(),
        or_dash(error),
    ]
}

/// What runs for single callers of a server that is not shared.
fn instances(connection: &Connection) -> Option<String> {
    let word = |it: &Instance| match it.pid {
        Some(pid) => format!("pid {pid}"),
        None => it.state.clone(),
    };
    let all: Vec<String> = connection.instances.iter().map(word).collect();
    let (name, isolation) = (connection.id(), &connection.isolation);
    let told = format!("{name} is {isolation}, {} instances: {}", all.len(), all.join(", "));
    (!all.is_empty()).then_some(told)
}

/// Why a server is not up, or not well, and what will become of it; `None` if all is well.
pub(super) fn explanation(connection: &Connection) -> Option<String> {
    let name = connection.id();
    if connection.is_up() {
        let degraded = connection.degraded.as_ref()?;
        return Some(format!("{name} is degraded: it {}", degraded.message));
    }
    let why = connection.last_error.as_ref();
    let ended = |error: &LastError| format!("it {} at {}", error.message, error.at);
    let since = why.map(ended);
    let mut text = match (connection.state.as_str(), since) {
        ("starting", None) => format!("{name} is starting"),
        ("starting", Some(since)) => format!("{name} is being started again: {since}"),
        ("draining", _) => format!("{name} is stopping: it finishes the calls under way"),
        ("stopped", None) => {
            format!("{name} is stopped: it is disabled, or starts with its first use")
        }
        ("backoff", Some(since)) => format!("{name} is down: {since}"),
        ("failed", Some(since)) => {
            format!(
                "{name} has failed too often and is left down: {since}; `conductor restart {name}` tries at once"
            )
        }
        (state, Some(since)) => format!("{name} is {state}: {since}"),
        (state, None) => format!("{name} is {state}"),
    };
    if let Some(at) = &connection.next_retry {
        text.push_str(&format!("; next try at {at}"));
    }
    let tail = why.map(|error| error.stderr_tail.as_slice()).unwrap_or_default();
    for line in &tail[tail.len().saturating_sub(STDERR)..] {
        text.push_str(&format!("\n  stderr | {line}"));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Degraded;

    fn connection(name: &str, state: &str) -> Connection {
        Connection {
            workspace_id: "default".into(),
            name: name.into(),
            source: "file".into(),
            transport: "stdio".into(),
            command: Some(vec!["npx".into()]),
            url: None,
            state: state.into(),
            degraded: None,
            health: "healthy".into(),
            pid: Some(4711),
            processes: Some(2),
            memory: Some(70 << 20),
            cpu: Some(12.3),
            generation: 1,
            restarts: 0,
            last_heartbeat: None,
            last_error: None,
            next_retry: None,
            socket: Some("git.sock".into()),
            socket_error: None,
            tools: 12,
            in_flight: 0,
            protocol_version: Some("2025-11-25".into()),
            isolation: "shared".into(),
            instances: Vec::new(),
        }
    }

    fn down() -> Connection {
        let last_error = LastError {
            code: "exited".into(),
            message: "exited with code 1".into(),
            at: "2026-07-28T09:30:00.000Z".into(),
            stderr_tail: (1..=7).map(|line| format!("line {line}")).collect(),
        };
        Connection {
            health: "unhealthy".into(),
            pid: None,
            memory: None,
            cpu: None,
            restarts: 3,
            last_error: Some(last_error),
            next_retry: Some("2026-07-28T09:30:08.000Z".into()),
            tools: 0,
            ..connection("files", "backoff")
        }
    }

    #[test]
    fn a_server_is_a_line_and_one_that_is_down_is_explained() {
        let connections = vec![connection("git", "running"), down()];
        let expected = "\
NAME   STATE    HEALTH     PID   MEMORY  CPU     RESTARTS  TOOLS  IN FLIGHT  LAST ERROR
git    running  healthy    4711  70 MiB  12.3 %  0         12     0          -
files  backoff  unhealthy  -     -       -       3         0      0          exited with code 1

files is down: it exited with code 1 at 2026-07-28T09:30:00.000Z; next try at 2026-07-28T09:30:08.000Z
  stderr | line 3
  stderr | line 4
  stderr | line 5
  stderr | line 6
  stderr | line 7";
        assert_eq!(servers(&Connections { connections, next_cursor: None }), expected);
    }

    #[test]
    fn what_runs_for_single_callers_is_told_below() {
        let instance =
            |number, state: &str, pid| Instance { number, state: state.into(), pid, in_flight: 0 };
        let shared = connection("git", "running");
        assert_eq!(instances(&shared), None);
        let all = vec![instance(1, "running", Some(12)), instance(2, "starting", None)];
        let apart = Connection { isolation: "perSession".into(), instances: all, ..shared };
        assert_eq!(instances(&apart).unwrap(), "git is perSession, 2 instances: pid 12, starting");
    }

    #[test]
    fn every_state_that_is_not_up_has_a_sentence() {
        for state in ["stopped", "starting", "backoff", "failed", "draining"] {
            assert!(explanation(&connection("a", state)).is_some(), "{state}");
            assert!(
                explanation(&Connection { state: state.into(), ..down() }).is_some(),
                "{state}"
            );
        }
        assert_eq!(explanation(&connection("a", "running")), None);
        let message = "misses heartbeats".into();
        let degraded = Degraded { code: "heartbeat_missed".into(), message };
        let weak = Connection { degraded: Some(degraded), ..connection("a", "degraded") };
        assert_eq!(explanation(&weak).unwrap(), "a is degraded: it misses heartbeats");
    }

    #[test]
    fn no_servers_are_told_as_such() {
        let text = servers(&Connections { connections: Vec::new(), next_cursor: None });
        assert_eq!(text, "the daemon runs, and its settings name no servers");
    }

    #[test]
    fn settings_that_were_not_taken_over_are_told_below() {
        let problem = conductor_config::Problem {
            file: "a.json".into(),
            key: String::new(),
            message: "is not valid JSON (line 3, column 1)".into(),
        };
        let failure = LastFailure {
            at: "2026-07-28T09:30:00.000Z".into(),
            by: "SIGHUP".into(),
            problems: vec![problem],
        };
        let reload = History { last_error: Some(failure), ..History::default() };
        let connections = Connections { connections: Vec::new(), next_cursor: None };
        assert_eq!(
            text(&Found { connections, reload }),
            "the daemon runs, and its settings name no servers\n\n\
             the last reload failed at 2026-07-28T09:30:00.000Z (SIGHUP), and the settings from \
             before are in force:\n  a.json: is not valid JSON (line 3, column 1)"
        );
    }
}

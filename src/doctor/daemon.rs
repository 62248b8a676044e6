//! This file judges the running daemon: whether it is the one that these settings are for, and how
//! its servers do.
//!
//! Pure: it was asked before.

use std::path::PathBuf;

use super::advice::advice;
use super::findings::{Area, Check};
use crate::admin::{Connection, DaemonFacts};
use crate::reload::{History, Plan};

/// So many restarts are worth a word even if the server is up.
const RESTARTS: u64 = 3;
/// The longest name of a tool that clients take.
const TOOL_NAME_MAX: usize = 64;
/// Lines of stderr shown.
const STDERR: usize = 5;

/// What came of asking the daemon.
#[derive(Debug)]
pub(crate) enum Asked {
    /// There is none.
    None {
        /// Where one would be.
        state_dir: PathBuf,
        /// Whether a process has the state directory all the same.
        is_locked: bool,
    },
    /// It did not answer as it should.
    Mute(String),
    /// It answered.
    Answered(Box<Answers>),
}

/// What a daemon says of itself.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) facts: DaemonFacts,
    pub(crate) connections: Vec<Connection>,
    pub(crate) history: History,
    /// What a reload would change, or why none is possible.
    pub(crate) plan: Result<Plan, Vec<String>>,
    /// The names of tools that agents see in the workspace `default`.
    pub(crate) tools: Vec<String>,
}

/// What is to be said about the daemon. `wanted` are the enabled servers in the settings at hand,
/// if they could be read; `version` is that of this program.
pub(crate) fn daemon(asked: &Asked, wanted: Option<&[String]>, version: &str) -> Vec<Check> {
    match asked {
        Asked::None { state_dir, is_locked: false } => {
            let message = format!("none runs with its state in {}", state_dir.display());
            vec![about("daemon", format!("{message} (`conductor serve` starts one)"))]
        }
        Asked::None { state_dir, is_locked: true } => {
            let message = format!("a process has {} and does not answer", state_dir.display());
            vec![about("daemon", message).fails(
                "wait a moment if it is just starting or stopping; else end it: its number is in \
                 the file `lock` there",
            )]
        }
        Asked::Mute(reason) => {
            vec![about("daemon", reason.clone()).fails("look into its log; restart it")]
        }
        Asked::Answered(answers) => {
            let mut checks = vec![itself(&answers.facts, version)];
            checks.push(settings(answers, wanted));
            checks.extend(last_reload(&answers.history));
            checks.extend(answers.connections.iter().map(server));
            checks.extend(answers.connections.iter().filter_map(socket));
            checks.extend(long_names(&answers.tools));
            checks
        }
    }
}

fn about(subject: &str, message: String) -> Check {
    Check::ok(Area::Daemon, subject, message)
}

fn itself(facts: &DaemonFacts, version: &str) -> Check {
    let place = facts.http.map_or_else(String::new, |http| format!(", at http://{http}/mcp"));
    let message = format!("process {} runs since {}{place}", facts.pid, facts.started);
    if facts.version == version {
        return about("daemon", message);
    }
    let message = format!("{message}, in version {}; this program is {version}", facts.version);
    about("daemon", message).warns("restart the daemon to have the new version run")
}

/// Whether what runs is what the settings say.
fn settings(answers: &Answers, wanted: Option<&[String]>) -> Check {
    const WHAT: &str = "its settings";
    let plan = match &answers.plan {
        Err(problems) => {
            let message = "its settings as they are now cannot be taken over".to_owned();
            let cure = "correct them, then `conductor reload`; until then the old ones hold";
            return about(WHAT, message).fails(cure).with_details(problems.clone());
        }
        Ok(plan) => plan,
    };
    if !plan.is_empty() {
        let changes = plan.changes().into_iter();
        let named = changes.filter(|(_, names)| !names.is_empty());
        let named: Vec<String> =
            named.map(|(word, names)| format!("{word} {}", names.join(", "))).collect();
        let message = format!("differ from what runs: a reload would {}", named.join("; "));
        return about(WHAT, message).warns("`conductor reload` takes them over");
    }
    let runs: Vec<String> = answers.connections.iter().map(Connection::id).collect();
    let missing: Vec<&str> = wanted
        .unwrap_or_default()
        .iter()
        .filter(|name| !runs.contains(name))
        .map(String::as_str)
        .collect();
    let files: Vec<String> =
        answers.history.sources.iter().map(|file| file.display().to_string()).collect();
    let files = if files.is_empty() { "no file".to_owned() } else { files.join(", ") };
    if !missing.is_empty() {
        let message = format!("it reads {files}, where {} is not", missing.join(", "));
        return about(WHAT, message)
            .warns("look at that file with --config, or restart the daemon with the one meant");
    }
    about(WHAT, format!("it runs what {files} says"))
}

fn last_reload(history: &History) -> Option<Check> {
    let failure = history.last_error.as_ref()?;
    let message = format!("the last reload failed at {} ({})", failure.at, failure.by);
    let problems = failure.problems.iter().map(ToString::to_string).collect();
    Some(about("reload", message).fails("correct the settings").with_details(problems))
}

/// How one server does.
fn server(connection: &Connection) -> Check {
    let name = connection.id();
    let about = |message| about(&name, message);
    let why = connection.last_error.as_ref();
    let ended = why.map_or_else(String::new, |error| format!(": it {}", error.message));
    let cure = why.map_or_else(
        || format!("`conductor logs {name}` tells more"),
        |error| advice(&error.code, &error.message, &error.stderr_tail, &name),
    );
    let tail = why.map(|error| error.stderr_tail.as_slice()).unwrap_or_default();
    let tail: Vec<String> = tail[tail.len().saturating_sub(STDERR)..].to_vec();
    match connection.state.as_str() {
        "running" if connection.restarts >= RESTARTS => {
            let times = connection.restarts;
            about(format!("is up, after {times} restarts; last{ended}"))
                .warns(cure)
                .with_details(tail)
        }
        "running" if connection.tools == 0 => about("is up, and offers no tools".to_owned())
            .warns("look at `includeTools` and `excludeTools`, and at what the server needs"),
        "running" => about(format!("is up, {} tools", connection.tools)),
        "degraded" => {
            let (why, cure) = match &connection.degraded {
                Some(degraded) if degraded.code == "garbage" => {
                    (degraded.message.as_str(), "stdout is for messages: its log belongs to stderr")
                }
                _ => (
                    "misses heartbeats",
                    "it is busy or frozen; in the second case it is replaced by itself",
                ),
            };
            about(why.to_owned()).warns(cure)
        }
        "backoff" | "failed" => {
            let again = connection.next_retry.as_ref();
            let again = again.map_or_else(String::new, |at| format!("; next try at {at}"));
            about(format!("is {}{ended}{again}", connection.state)).fails(cure).with_details(tail)
        }
        "starting" if why.is_some_and(|error| error.code != "stopped") => {
            about(format!("is being started again{ended}")).fails(cure).with_details(tail)
        }
        "stopped" if why.is_some_and(|error| error.code != "stopped") => {
            about(format!("is stopped{ended}"))
                .warns(format!("`conductor restart {name}` starts it, if it is to run"))
                .with_details(tail)
        }
        state => about(format!("is {state}")),
    }
}

fn socket(connection: &Connection) -> Option<Check> {
    let error = connection.socket_error.as_ref()?;
    let message = format!("its socket is not open: {error}");
    Some(about(&connection.id(), message).warns("set `socket` of the entry to another path"))
}

fn long_names(tools: &[String]) -> Option<Check> {
    let long: Vec<&str> = tools
        .iter()
        .filter(|name| name.chars().count() > TOOL_NAME_MAX)
        .map(String::as_str)
        .collect();
    let first = long.first()?;
    let message = format!("{} have names of over {TOOL_NAME_MAX} characters: {first}", long.len());
    Some(about("tools", message).warns("shorten the server's name: clients refuse such tools"))
}

#[cfg(test)]
mod tests {
    use super::super::findings::Level;
    use super::*;
    use crate::admin::{Degraded, LastError};
    use crate::reload::LastFailure;

    fn connection(state: &str, error: Option<LastError>) -> Connection {
        let text = serde_json::json!({
            "workspace_id": "default", "name": "git", "source": "file", "transport": "stdio",
            "state": state, "health": "unknown", "pid": null, "generation": 1, "restarts": 0,
            "last_heartbeat": null, "last_error": error, "next_retry": null, "socket": null,
            "tools": 2, "in_flight": 0, "protocol_version": null,
        });
        serde_json::from_value(text).unwrap()
    }

    fn died(code: &str) -> Option<LastError> {
        Some(LastError {
            code: code.into(),
            message: "exited with code 1".into(),
            at: "2026-07-28T09:30:00.000Z".into(),
            stderr_tail: vec!["Error: Cannot find module 'x'".into()],
        })
    }

    fn answers() -> Answers {
        let facts = DaemonFacts {
            version: "1.0.0".into(),
            pid: 7,
            started: "2026-07-28T09:30:00.000Z".into(),
            http: None,
            socket: None,
            state_dir: "/s".into(),
        };
        Answers {
            facts,
            connections: vec![connection("running", None)],
            history: History { sources: vec!["/a.toml".into()], ..History::default() },
            plan: Ok(Plan::default()),
            tools: vec!["git.log".into()],
        }
    }

    /// The worst of all checks, which says all `words`.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Answers), level: Level, words: &[&str]) {
        let mut answers = answers();
        change(&mut answers);
        check_asked(&Asked::Answered(Box::new(answers)), level, words);
    }

    #[track_caller]
    fn check_asked(asked: &Asked, level: Level, words: &[&str]) {
        let checks = daemon(asked, Some(&["git".to_owned()]), "1.0.0");
        let worst = checks.iter().max_by_key(|check| check.level).unwrap();
        assert_eq!(worst.level, level, "{checks:?}");
        for word in words {
            assert!(format!("{worst:?}").contains(word), "{word}: {worst:?}");
        }
    }

    #[test]
    fn a_daemon_that_does_as_it_is_told_is_fine() {
        check(|_| {}, Level::Ok, &[]);
        let none = |is_locked| Asked::None { state_dir: "/s".into(), is_locked };
        check_asked(&none(false), Level::Ok, &["conductor serve"]);
        check_asked(&none(true), Level::Problem, &["does not answer"]);
        check_asked(&Asked::Mute("no answer".into()), Level::Problem, &["no answer"]);
    }

    #[test]
    fn another_version_or_other_settings_are_a_warning() {
        let warned = Level::Warning;
        check(
            |a| a.facts.version = "0.9.0".into(),
            warned,
            &["version 0.9.0", "restart the daemon"],
        );
        check(
            |a| a.plan = Ok(Plan { add: vec!["x".into()], ..Plan::default() }),
            warned,
            &["would add x", "conductor reload"],
        );
        check(|a| a.connections.clear(), warned, &["/a.toml, where git is not"]);
    }

    #[test]
    fn settings_that_cannot_be_taken_over_are_a_problem() {
        let wrong = |a: &mut Answers| a.plan = Err(vec!["a.toml: is wrong".into()]);
        check(wrong, Level::Problem, &["cannot be taken over", "a.toml: is wrong"]);
        let failed = |a: &mut Answers| {
            let (at, by) = ("now".into(), "SIGHUP".into());
            a.history.last_error = Some(LastFailure { at, by, problems: Vec::new() });
        };
        check(failed, Level::Problem, &["failed at now (SIGHUP)"]);
    }

    #[test]
    fn a_server_that_is_down_is_told_with_its_last_words_and_the_cure() {
        let words = ["exited with code 1", "Cannot find module", "Node.js module"];
        for state in ["backoff", "failed", "starting"] {
            let down = connection(state, died("exited"));
            check(|a| a.connections = vec![down], Level::Problem, &words);
        }
        let ended = connection("stopped", died("exited"));
        check(|a| a.connections = vec![ended], Level::Warning, &["conductor restart git"]);
        for state in ["stopped", "starting"] {
            let asked = connection(state, died("stopped"));
            check(|a| a.connections = vec![asked], Level::Ok, &[]);
        }
    }

    #[test]
    fn a_server_that_is_up_may_still_be_worth_a_word() {
        let change =
            |change: fn(&mut Connection)| move |a: &mut Answers| change(&mut a.connections[0]);
        check(change(|c| c.state = "degraded".into()), Level::Warning, &["misses heartbeats"]);
        let garbage = |c: &mut Connection| {
            c.state = "degraded".into();
            let (code, message) = ("garbage".into(), "wrote 2000 lines".into());
            c.degraded = Some(Degraded { code, message });
        };
        check(change(garbage), Level::Warning, &["wrote 2000 lines", "stderr"]);
        check(change(|c| c.tools = 0), Level::Warning, &["no tools"]);
        check(change(|c| c.socket_error = Some("taken".into())), Level::Warning, &["taken"]);
        check(change(|c| c.restarts = 3), Level::Warning, &["after 3 restarts"]);
        let long = format!("git.{}", "x".repeat(70));
        check(|a| a.tools.push(long), Level::Warning, &["over 64 characters"]);
    }
}

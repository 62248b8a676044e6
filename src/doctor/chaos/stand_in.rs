//! This file makes the settings under which trials run: a stand-in for each entry and fault, with
//! that entry's supervision, and a neighbour that is well.
//!
//! Nothing of what the entry runs, reaches or is told gets into them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conductor_config::{
    Config, NameError, Patterns, Secret, ServerId, ServerName, ServerSpec, StartMode, State,
    StdioSpec, Transport,
};

use crate::sample_server::Fault;

/// The variable that marks all processes of a trial.
pub(super) const MARK: &str = "CONDUCTOR_CHAOS";
/// A descendant on the same pipes, as package runners have them; it ends by itself some day.
const SCRIPT: &str = "sleep 900 & exec \"$0\" \"$@\"";
/// How long a stand-in may take to start: how long the server itself takes is not what is tried.
const STARTUP_MIN: Duration = Duration::from_secs(30);
/// The deadline of the neighbour's calls.
const NEIGHBOURLY: Duration = Duration::from_secs(10);

/// A stand-in: what it is called here, for whom it stands, how it goes wrong.
#[derive(Debug, Clone)]
pub(super) struct StandIn {
    pub(super) id: ServerId,
    pub(super) of: Arc<ServerSpec>,
    pub(super) fault: Fault,
    pub(super) mark: String,
}

/// Stand-ins of `entries`, one for each of `faults`; `run` tells them from those of others.
pub(super) fn stand_ins(
    entries: &[Arc<ServerSpec>],
    faults: &[Fault],
    run: &str,
) -> Result<Vec<StandIn>, NameError> {
    let mut all = Vec::new();
    for (number, of) in entries.iter().enumerate() {
        for fault in faults {
            let workspace = format!("{}-{number}", fault.as_str());
            all.push(StandIn {
                id: ServerId { workspace: workspace.parse()?, name: of.id.name.clone() },
                of: Arc::clone(of),
                fault: *fault,
                mark: format!("{run}-{workspace}"),
            });
        }
    }
    Ok(all)
}

/// The server beside all of them.
pub(super) fn neighbour() -> Result<ServerId, NameError> {
    let name: ServerName = "neighbour".parse()?;
    Ok(ServerId { workspace: "neighbour".parse()?, name })
}

/// The settings `config` with `all` of these and the neighbour in place of its servers, and state
/// in `dir`. `program` is this program.
pub(super) fn settings(
    config: &Config,
    all: &[StandIn],
    (program, run, dir): (&str, &str, &Path),
) -> Result<Config, NameError> {
    let mut servers: BTreeMap<ServerId, Arc<ServerSpec>> = BTreeMap::new();
    for one in all {
        let arguments = ["sample-server", "--fault", one.fault.as_str()];
        let spec = spec(&one.of, &one.id, child(program, &arguments, &one.mark));
        servers.insert(one.id.clone(), Arc::new(spec));
    }
    if let Some(first) = all.first() {
        let id = neighbour()?;
        let mark = format!("{run}-neighbour");
        let spec = spec(&first.of, &id, child(program, &["sample-server"], &mark));
        let spec = ServerSpec { timeout: NEIGHBOURLY, max_in_flight: 64, ..spec };
        servers.insert(id, Arc::new(spec));
    }
    let mut settings = Config { servers, ..config.clone() };
    settings.state = State { dir: dir.to_owned() };
    settings.listen.http = None;
    settings.listen.unix = None;
    settings.listen.sockets.clear();
    settings.catalog.views.clear();
    Ok(settings)
}

fn child(program: &str, arguments: &[&str], mark: &str) -> StdioSpec {
    let words = ["-c", SCRIPT, program].into_iter().chain(arguments.iter().copied());
    StdioSpec {
        program: "/bin/sh".to_owned(),
        args: words.map(str::to_owned).collect(),
        env: BTreeMap::from([(MARK.to_owned(), Secret::new(mark.to_owned()))]),
        cwd: None,
    }
}

/// The supervision of `of` for another server.
fn spec(of: &ServerSpec, id: &ServerId, child: StdioSpec) -> ServerSpec {
    ServerSpec {
        id: id.clone(),
        transport: Transport::Stdio(child),
        description: None,
        required: false,
        include_tools: Patterns::NONE,
        exclude_tools: Patterns::NONE,
        tool_descriptions: BTreeMap::new(),
        safe_to_repeat: Patterns::NONE,
        validate_arguments: Patterns::NONE,
        start: StartMode::Eager,
        idle_stop: None,
        startup_timeout: of.startup_timeout.max(STARTUP_MIN),
        ..of.clone()
    }
}

/// Settings with one server `a` that has these lines in its entry.
#[cfg(test)]
pub(super) fn sample_config(lines: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[mcpServers.a]\ncommand = 'real'\nargs = ['--token=x']\n{lines}");
    std::fs::write(folder.path().join("a.toml"), text).unwrap();
    let request = conductor_config::LoadRequest {
        files: vec!["a.toml".into()],
        env: BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]),
        cwd: folder.path().to_owned(),
        ..Default::default()
    };
    conductor_config::load(&request).unwrap()
}

/// That server.
#[cfg(test)]
pub(super) fn sample_spec(lines: &str) -> Arc<ServerSpec> {
    let config = sample_config(lines);
    Arc::clone(config.servers.values().next().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_has_the_supervision_of_its_entry_and_nothing_else_of_it() {
        let lines = "cwd = '/real'\nenv = { REAL = 'real' }\nstart = 'lazy'\nidleStop = '1s'\n\
                     includeTools = ['real']\ntimeout = '7s'\nheartbeat = { interval = '3s' }";
        let config = sample_config(lines);
        let entry = config.servers.values().next().unwrap();
        let all = stand_ins(&[Arc::clone(entry)], &[Fault::Kill, Fault::Stop], "r").unwrap();
        let made = settings(&config, &all, ("/me", "r", Path::new("/s"))).unwrap();
        let names: Vec<String> = made.servers.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["kill-0/a", "neighbour/neighbour", "stop-0/a"]);
        assert_eq!(made.state.dir, Path::new("/s"));
        for (id, spec) in &made.servers {
            let Transport::Stdio(child) = &spec.transport else { panic!("a child") };
            let shown = format!("{:?} {:?} {:?}", child.args, child.env.keys(), child.cwd);
            assert!(!shown.to_lowercase().contains("real"), "{id}: {shown}");
            assert_eq!(child.args[2], "/me");
            assert_eq!(spec.heartbeat, entry.heartbeat);
            assert!(spec.include_tools.is_empty() && spec.idle_stop.is_none());
            assert_eq!(spec.start, StartMode::Eager);
        }
        assert_eq!(made.servers[&all[0].id].timeout, Duration::from_secs(7));
    }
}

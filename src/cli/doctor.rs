//! This file is `conductor doctor`: everything looked at, judged, and shown with the cure.
//!
//! It leaves looking and judging to `doctor/`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use conductor_config::{Config, Overrides, ServerSpec, Transport};
use tokio::task::JoinSet;

use super::args::DoctorArgs;
use super::chaos;
use super::load::{Surroundings, state_dir};
use super::out::Out;
use crate::doctor::{
    Area, Asked, Check, EntryFacts, Report, file_facts, judge, look_at_daemon, look_at_machine,
    look_at_program, reach,
};
use crate::exit::{Exit, Failure};

pub(super) async fn run(args: &DoctorArgs, out: Out) -> Result<Exit, Failure> {
    if args.chaos {
        return Box::pin(chaos::run(args, out)).await;
    }
    let report = out.patiently("looking around", look(args)).await?;
    if args.json {
        out.json(&report)?;
    } else {
        out.data(&report.text())?;
    }
    Ok(if report.problems == 0 { Exit::Success } else { Exit::Failed })
}

async fn look(args: &DoctorArgs) -> Result<Report, Failure> {
    let surroundings = Surroundings::read()?;
    let overrides = Overrides { state_dir: args.daemon.state_dir.clone(), ..Overrides::default() };
    let mut checks = Vec::new();
    let config = match surroundings.settings(&args.daemon.files.config, overrides) {
        Ok(config) => Some(config),
        Err(Failure::Settings(error)) => {
            checks.extend(judge::problems(&error.problems));
            None
        }
        Err(failure) => return Err(failure),
    };
    let state_dir = match &config {
        Some(config) => Some(config.state.dir.clone()),
        None => state_dir(&args.daemon).ok(),
    };
    if let Some(config) = &config {
        checks.extend(settings(config));
        let path = surroundings.env.get("PATH").cloned();
        checks.extend(entries(config, path).await);
    }
    let asked = match &state_dir {
        Some(dir) => Some(look_at_daemon(dir).await),
        None => None,
    };
    let ours = asked.as_ref().and_then(door);
    let machine = look_at_machine(config.as_ref(), state_dir.as_deref(), ours);
    checks.extend(judge::machine(&machine));
    if let Some(asked) = &asked {
        let wanted = config.as_ref().map(wanted);
        checks.extend(judge::daemon(asked, wanted.as_deref(), env!("CARGO_PKG_VERSION")));
    }
    Ok(Report::new(checks))
}

/// Where the HTTP door of the running daemon is.
fn door(asked: &Asked) -> Option<SocketAddr> {
    match asked {
        Asked::Answered(answers) => answers.facts.http,
        Asked::None { .. } | Asked::Mute(_) => None,
    }
}

/// The names of all servers that are to run.
fn wanted(config: &Config) -> Vec<String> {
    config.servers.values().filter(|spec| spec.enabled).map(|spec| spec.id.to_string()).collect()
}

fn settings(config: &Config) -> Vec<Check> {
    let facts = |is_secret| move |path: &PathBuf| file_facts(path.clone(), is_secret);
    let sources = config.sources.iter().map(facts(false));
    let files: Vec<_> = sources.chain(config.secret_files.iter().map(facts(true))).collect();
    let mut checks = judge::files(&files);
    checks.extend(judge::warnings(&config.warnings));
    let alike = judge::look_alikes(config.servers.keys());
    checks.extend(alike.into_iter().map(|words| {
        Check::ok(Area::Settings, "names", words).warns("give one of them another name")
    }));
    checks
}

/// Looks at all entries at the same time; those of servers elsewhere take a few seconds at most.
async fn entries(config: &Config, path: Option<String>) -> Vec<Check> {
    let mut looks = JoinSet::new();
    for spec in config.servers.values() {
        looks.spawn(entry(Arc::clone(spec), path.clone()));
    }
    let mut found: Vec<EntryFacts> = looks.join_all().await;
    found.sort_by(|one, other| one.spec.id.cmp(&other.spec.id));
    found.iter().flat_map(judge::entry).collect()
}

async fn entry(spec: Arc<ServerSpec>, path: Option<String>) -> EntryFacts {
    let (mut program, mut reached) = (None, None);
    match &spec.transport {
        _ if !spec.enabled => {}
        Transport::Stdio(stdio) => program = Some(look_at_program(stdio, path.as_deref())),
        Transport::Remote(remote) => reached = Some(reach(&remote.url).await),
    }
    EntryFacts { spec, program, reached }
}

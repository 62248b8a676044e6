//! This file is `conductor doctor --chaos`: which entries and faults, how it goes on, the card.
//!
//! It leaves the trials to `doctor/chaos/`, and the servers of the entries alone.

use std::sync::Arc;

use conductor_config::{Config, Overrides, ServerSpec, Transport};

use super::args::DoctorArgs;
use super::load::Surroundings;
use super::out::Out;
use super::private_dir;
use super::table::table;
use crate::doctor::{Card, Round, RoundError, Wanted, bound, seconds};
use crate::exit::{Exit, Failure};
use crate::sample_server::Fault;
use crate::shutdown::{self, Stop};

/// Entries of one round: each has a stand-in, two processes, for every fault.
const ROUND: usize = 8;

pub(super) async fn run(args: &DoctorArgs, out: Out) -> Result<Exit, Failure> {
    let surroundings = Surroundings::read()?;
    let config = surroundings.settings(&args.daemon.files.config, Overrides::default())?;
    let entries = chosen(args, &config)?;
    let faults = faults(args);
    let signals = |source| Failure::System { doing: "listen for signals", source };
    let stop = shutdown::on_signals().map_err(signals)?;
    announce(&entries, &faults, out);
    let mut card = Card::default();
    for entries in entries.chunks(ROUND) {
        let dir = private_dir::make()
            .map_err(|source| Failure::System { doing: "make a temporary directory", source })?;
        let wanted = Wanted {
            config: &config,
            entries,
            faults: &faults,
            environment: &surroundings.env,
            dir: dir.path(),
        };
        let is_done = Box::pin(round(&wanted, &mut card, &stop, out)).await;
        dir.close()
            .map_err(|source| Failure::System { doing: "remove a temporary directory", source })?;
        if !is_done? {
            out.note("interrupted; the stand-ins are ended");
            return Ok(Exit::Failed);
        }
    }
    if args.json {
        out.json(&card)?;
    } else {
        let head = ["SERVER", "FAULT", "GRADE", "NOTICED", "BACK", "CALLS", "NEIGHBOUR"];
        out.data(&format!("{}\n\n{}", table(head, &card.rows()), card.text()))?;
    }
    Ok(if card.is_good() { Exit::Success } else { Exit::Failed })
}

/// One round, told as it goes on. `false` if it was interrupted.
async fn round(
    wanted: &Wanted<'_>,
    card: &mut Card,
    stop: &Stop,
    out: Out,
) -> Result<bool, Failure> {
    let all = wanted.entries.len() * wanted.faults.len();
    let starting = Box::pin(Round::start(wanted));
    let starting = tokio::select! {
        started = out.patiently("starting the stand-ins", starting) => started,
        () = stop.clean.cancelled() => return Ok(false),
    };
    let mut round = starting.map_err(failure)?;
    for done in 0.. {
        let waiting = format!("{done} of {all} trials are over, waiting for the next");
        let ended = tokio::select! {
            ended = out.patiently(&waiting, round.next()) => ended.map_err(failure)?,
            () = stop.clean.cancelled() => {
                round.abort().await;
                return Ok(false);
            }
        };
        let Some(text) = ended else { break };
        out.note(text);
    }
    let stopping = out.patiently("stopping the stand-ins", Box::pin(round.finish()));
    let (lines, left) = stopping.await.map_err(failure)?;
    card.add(lines, left);
    Ok(true)
}

fn failure(error: RoundError) -> Failure {
    match error {
        RoundError::Start(error) => Failure::Start(error),
        RoundError::NotUp { limit, down } => {
            Failure::TimedOut { what: format!("starting the stand-ins ({down})"), limit }
        }
        error @ (RoundError::NoProgram | RoundError::Name(_) | RoundError::Trial(_)) => {
            Failure::System { doing: "make trials", source: std::io::Error::other(error) }
        }
    }
}

/// The faults asked for, each once, or all.
fn faults(args: &DoctorArgs) -> Vec<Fault> {
    let asked = |fault: &Fault| args.only.is_empty() || args.only.contains(fault);
    Fault::ALL.into_iter().filter(asked).collect()
}

/// The entries asked for, or all that can have stand-ins.
fn chosen(args: &DoctorArgs, config: &Config) -> Result<Vec<Arc<ServerSpec>>, Failure> {
    let can =
        |spec: &&Arc<ServerSpec>| spec.enabled && matches!(spec.transport, Transport::Stdio(_));
    let all: Vec<_> = config.servers.values().filter(can).cloned().collect();
    if all.is_empty() {
        let none = "no entry of the settings starts a program, so there is nothing to stand in for";
        return Err(Failure::Usage(none.to_owned()));
    }
    if let Some(name) = args.names.iter().find(|name| all.iter().all(|spec| spec.id != **name)) {
        let known: Vec<String> = all.iter().map(|spec| spec.id.to_string()).collect();
        let known = known.join(", ");
        let wrong =
            format!("`{name}` is no enabled entry that starts a program; those are: {known}");
        return Err(Failure::Usage(wrong));
    }
    let is_asked = |spec: &Arc<ServerSpec>| args.names.is_empty() || args.names.contains(&spec.id);
    Ok(all.into_iter().filter(is_asked).collect())
}

/// What will happen, and how long it may take.
fn announce(entries: &[Arc<ServerSpec>], faults: &[Fault], out: Out) {
    let names: Vec<String> = entries.iter().map(|spec| spec.id.to_string()).collect();
    out.note(format_args!(
        "trying stand-ins of {} with their supervision; the servers themselves are left alone",
        names.join(", ")
    ));
    let longest = |faults: &[Fault]| {
        let bounds = entries.iter().flat_map(|spec| {
            faults.iter().map(move |fault| (bound(*fault, spec).whole(), spec, *fault))
        });
        bounds.max_by_key(|(whole, ..)| *whole)
    };
    if let Some((whole, spec, fault)) = longest(faults) {
        let rounds = entries.len().div_ceil(ROUND);
        let (name, fault) = (&spec.id, fault.as_str());
        let times =
            if rounds > 1 { format!(", in each of {rounds} rounds") } else { String::new() };
        let whole = seconds(whole);
        out.note(format_args!(
            "by its settings {fault} of {name} may take {whole} to be mended{times}; \
             --only kill,garbage,slow-drip is quick"
        ));
    }
}

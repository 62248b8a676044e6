//! This file shows where the daemon's processor time goes, by perf, for small and large calls at all doors.
//! It leaves whose work a function is to `profile/shares.rs`, and how much time it is to `suite.rs`.

mod shares;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use conductor_e2e::daemon::command;

use crate::load::{Target, Window, load_beside};
use crate::marked::PROFILED;
use crate::process::is_installed;
use crate::suite::through::{NEW, OLD, SMALL, UNIX};
use crate::talk::Place;
use crate::work::Work;
use crate::world::{Gateway, Programs};
use crate::{ProfileArgs, machine};

/// Before anything is recorded.
const WARMUP: Duration = Duration::from_secs(1);
/// Samples a second.
const RATE: &str = "3000";
const STDIO: &str = "stdio";
/// Tools of the server.
const TOOLS: usize = 200;

/// What is done: its name, the door, and clients at one time.
struct Case {
    what: &'static str,
    work: Work,
    door: &'static str,
    clients: u32,
}

/// Profiles everything and prints a table of shares.
pub(crate) async fn run(args: ProfileArgs) -> Result<()> {
    if !is_installed("perf") {
        bail!("perf is not installed (as in `apt-get install linux-perf`)");
    }
    if let Some(file) = &args.write {
        PROFILED.read(file)?;
    }
    let programs = Programs::find(args.conductor)?;
    let gateway = programs.gateway(1, TOOLS).await?;
    let (sandbox, stdio) = programs.stdio()?;
    let mut columns = Vec::new();
    for case in cases() {
        let target = target(&gateway, &stdio, &case);
        let file = sandbox.path("perf.data");
        let about = || format!("{}, {}, {} clients", case.what, case.door, case.clients);
        let shares = profile(&target, &case, args.seconds, &file).await.with_context(about)?;
        writeln!(
            std::io::stderr(),
            "{:<18} {:<16} {:>4} clients",
            case.what,
            case.door,
            case.clients
        )?;
        columns.push((case, shares));
    }
    let text = table(&columns);
    if let Some(file) = &args.write {
        PROFILED.renew(file, &text)?;
    }
    Ok(write!(std::io::stdout(), "{text}")?)
}

fn cases() -> Vec<Case> {
    let case = |what, work: &Work, door, clients| Case { what, work: work.clone(), door, clients };
    let mut all: Vec<Case> =
        [UNIX, STDIO, OLD, NEW].map(|door| case("echo", &SMALL, door, 16)).into();
    all.extend([1, 64, 256].map(|clients| case("echo", &SMALL, OLD, clients)));
    all.push(case("10 kB structured", &Work::Rows { bytes: 10_000 }, NEW, 16));
    all.push(case("100 kB text", &Work::Text { bytes: 100_000 }, NEW, 16));
    all.push(case("1 MB structured", &Work::Rows { bytes: 1_000_000 }, NEW, 4));
    all.push(case("list of 200", &Work::list(TOOLS), NEW, 16));
    all
}

fn target(gateway: &Gateway, stdio: &[String], case: &Case) -> Target {
    let (_, tool) = case.work.names();
    match case.door {
        UNIX => gateway.unix(),
        STDIO => Target { place: Place::Command(stdio.to_vec()), pid: None, ..gateway.http() },
        _ => gateway.http(),
    }
    .with_tool(tool)
}

/// Shares of the daemon's time while it is loaded so.
async fn profile(target: &Target, case: &Case, seconds: f64, file: &PathBuf) -> Result<Vec<f64>> {
    let window = Window {
        work: case.work.clone(),
        modern: case.door == NEW,
        clients: case.clients,
        sessions: 0,
        warmup: WARMUP,
        measured: Duration::from_secs_f64(seconds),
    };
    load_beside(target, &window, async |pid| {
        let mut recording = command("perf");
        recording.args(["record", "-q", "-e", "cpu-clock", "-F", RATE, "-p", &pid.to_string()]);
        recording.arg("-o").arg(file).args(["--", "sleep", &(seconds * 0.8).to_string()]);
        printed(recording).await.map(drop)
    })
    .await?;
    let mut reporting = command("perf");
    reporting.args(["report", "--stdio", "--no-children", "-g", "none", "--percent-limit", "0"]);
    reporting.args(["-F", "overhead,dso,symbol", "-i"]).arg(file);
    shares::of(&printed(reporting).await?).context("perf has found nothing")
}

/// What a program has printed; fails with what it has complained of.
async fn printed(mut program: tokio::process::Command) -> Result<String> {
    let ended = program.kill_on_drop(true).output().await.context("failed to start perf")?;
    if !ended.status.success() {
        bail!("perf: {}", String::from_utf8_lossy(&ended.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

fn table(columns: &[(Case, Vec<f64>)]) -> String {
    let mut out = format!("day: {}.\n\n|", machine::day());
    for (Case { what, door, clients, .. }, _) in columns {
        let many = if *clients == 1 { "client" } else { "clients" };
        let _ = write!(out, " | {what}, {door}, {clients} {many}");
    }
    let _ = writeln!(out, " |\n| --- {}|", "| ---: ".repeat(columns.len()));
    for (row, name) in shares::names().enumerate() {
        let _ = write!(out, "| {name}");
        for (_, shares) in columns {
            let _ = write!(out, " | {}", shown(shares[row]));
        }
        out.push_str(" |\n");
    }
    out
}

/// Hundredths, with a tenth where there are few.
fn shown(share: f64) -> String {
    if share < 0.95 { format!("{share:.1}") } else { format!("{share:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stand_under_what_was_done() {
        let case = |clients| Case { what: "echo", work: SMALL, door: UNIX, clients };
        let shares = |first: f64| {
            let rest = shares::names().skip(1).map(|_| 0.26);
            [first].into_iter().chain(rest).collect::<Vec<_>>()
        };
        let text = table(&[(case(1), shares(59.6)), (case(16), shares(0.96))]);
        assert!(
            text.contains("| echo, Unix socket, 1 client | echo, Unix socket, 16 clients |\n"),
            "{text}"
        );
        assert!(text.contains("| kernel, with the way into it | 60 | 1 |\n"), "{text}");
        assert!(text.contains("| all else | 0.3 | 0.3 |\n"), "{text}");
    }
}

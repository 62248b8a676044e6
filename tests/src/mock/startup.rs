//! This file does the faults of a process's start and those that begin on their own later.
//! It leaves faults of single calls to `call_faults.rs`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Duration, sleep};

use super::args::Args;
use super::call_faults;
use super::fault::{Fault, Kind};
use super::process;
use super::shared::Shared;

/// The faults that apply to this process, after `--healthy-if` and `--fault-once`.
pub(crate) fn faults_of(args: &Args) -> Vec<Fault> {
    if args.healthy_if.as_deref().is_some_and(Path::exists) {
        return Vec::new();
    }
    if let Some(mark) = &args.fault_once {
        let first = OpenOptions::new().write(true).create_new(true).open(mark).is_ok();
        if !first {
            return Vec::new();
        }
    }
    args.faults.clone()
}

/// Whether nobody else runs with this file. If so nobody else does until this process has ended.
fn is_alone(file: &Path) -> std::io::Result<bool> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    let is_alone = file.try_lock().is_ok();
    if !is_alone {
        writeln!(file, "{} found another running", std::process::id())?;
    }
    std::mem::forget(file); // the lock is to last as long as the process
    Ok(is_alone)
}

/// Does what comes before the first byte is read. An exit code ends the process.
pub(crate) async fn before_reading(shared: &Shared) -> Option<u8> {
    if shared.args.sole.as_deref().is_some_and(|file| !is_alone(file).unwrap_or(false)) {
        return Some(73);
    }
    for fault in shared.faults.iter() {
        match fault.kind {
            Kind::StderrFirst => write_stderr(fault.number(1 << 20)).await,
            Kind::CrashStart => {
                write_line_to_stderr("mock: crash_start: cannot open the database").await;
                return Some(1);
            }
            Kind::Exit => return Some(u8::try_from(fault.number(0)).unwrap_or(1)),
            Kind::SlowStart => sleep(Duration::from_millis(fault.number(20_000))).await,
            Kind::ForkTree => {
                let pids = fault.arg.clone().unwrap_or_else(|| "pids".to_owned());
                if let Err(error) = process::fork_tree(&shared.args, Path::new(&pids)) {
                    shared.journal.note("error", json!({ "error": error.to_string() }));
                    return Some(71);
                }
            }
            _ => {}
        }
    }
    None
}

/// Starts what happens some time after the handshake.
pub(crate) fn after_handshake(shared: &Shared) {
    for fault in shared.faults.iter() {
        let (after, code) = match fault.kind {
            Kind::Exit0 => (fault.number(100), 0),
            Kind::CrashAfter => (fault.number(1000), 1),
            _ => continue,
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(after)).await;
            shared.journal.note("exit", json!({ "code": code }));
            shared.out.flush().await;
            if code != 0 {
                write_line_to_stderr("mock: crash_after: assertion failed").await;
            }
            process::die(code);
        });
    }
}

/// Starts what begins by itself once the tools were listed.
pub(crate) fn after_list(shared: &Shared) {
    for fault in shared.faults.iter().filter(|fault| Kind::AFTER_LIST.contains(&fault.kind)) {
        let (shared, fault) = (shared.clone(), fault.clone());
        tokio::spawn(async move {
            shared.out.flush().await;
            call_faults::begin(&shared, &fault).await;
        });
    }
}

/// Writes one line to stderr.
pub(crate) async fn write_line_to_stderr(line: &str) {
    let mut stderr = tokio::io::stderr();
    let _ = stderr.write_all(format!("{line}\n").as_bytes()).await; // nobody reads: as wanted
    let _ = stderr.flush().await;
}

/// Writes so many bytes without a line end to stderr; waits while nobody reads them.
pub(crate) async fn write_stderr(bytes: u64) {
    let mut stderr = tokio::io::stderr();
    let chunk = vec![b'e'; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        if stderr.write_all(&chunk[..size]).await.is_err() {
            return;
        }
        left -= size as u64;
    }
    let _ = stderr.flush().await; // nobody reads: as wanted
}

//! This file loads an endpoint: some connections, each with one call at a time, every answer checked.
//! It leaves starting what is loaded to `run.rs` and telling the result to `report.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use conductor_e2e::client::http_client::Connection;
use conductor_e2e::client::{Client, modern_meta};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::cpu;

/// No single call may take longer.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// What is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    pub(crate) path: String,
    pub(crate) tool: String,
    /// The process whose processor time is read.
    pub(crate) pid: Option<i32>,
}

/// How it is loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) modern: bool,
    pub(crate) connections: u32,
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
    pub(crate) bytes: usize,
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Calls answered rightly in the measured time, each with its time in microseconds, sorted.
    pub(crate) micros: Vec<u32>,
    /// Length of the measured time.
    pub(crate) span: Duration,
    /// Processor time of the target in it.
    pub(crate) cpu: Option<Duration>,
}

/// Loads the target; fails on the first answer that is not the right one.
pub(crate) async fn load(target: &Target, window: Window) -> Result<Seen> {
    let from = Instant::now() + window.warmup;
    let to = from + window.measured;
    let mut workers = JoinSet::new();
    for number in 0..window.connections {
        workers.spawn(work(target.clone(), window, number, from, to));
    }
    let cpu_at = |pid: Option<i32>| pid.map(cpu::time_of).transpose();
    sleep_until(from).await;
    let (before, began) = (cpu_at(target.pid)?, Instant::now());
    sleep_until(to).await;
    let (after, span) = (cpu_at(target.pid)?, began.elapsed());
    let mut micros = Vec::new();
    while let Some(worker) = workers.join_next().await {
        micros.extend(worker.context("a connection's task panicked")??);
    }
    if micros.is_empty() {
        bail!("no call was answered in {span:?}");
    }
    micros.sort_unstable();
    let cpu = after.zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(Seen { micros, span, cpu })
}

/// One connection's calls, one after the other; the times of those that ended in the window.
async fn work(
    target: Target,
    window: Window,
    number: u32,
    from: Instant,
    to: Instant,
) -> Result<Vec<u32>> {
    let client = if window.modern {
        Client::modern(target.addr, &target.path)
    } else {
        Client::legacy(target.addr, &target.path).await?
    };
    let mut connection = Connection::open(target.addr).await?;
    let mut times = Vec::new();
    let mut id = 0_u64;
    while Instant::now() < to {
        id += 1;
        // No two calls have the same text, so that a mixed-up answer shows.
        let mut text = format!("{number}:{id}:");
        text.extend(std::iter::repeat_n('x', window.bytes.saturating_sub(text.len())));
        let body = call(&target.tool, id, &text, window.modern);
        let headers = client.headers_of(&body);
        let sent = Instant::now();
        let whole = exchange(&mut connection, &target.path, &headers, &body);
        let answer = timeout(CALL_LIMIT, whole).await.context("a call took too long")??;
        let ended = Instant::now();
        if answer["id"] != id || answer["result"]["content"][0]["text"] != text.as_str() {
            bail!("call {id} of connection {number} was answered wrongly: {answer}");
        }
        if ended >= from && ended < to {
            times.push(u32::try_from((ended - sent).as_micros()).unwrap_or(u32::MAX));
        }
    }
    Ok(times)
}

fn call(tool: &str, id: u64, text: &str, modern: bool) -> Value {
    let mut params = json!({ "name": tool, "arguments": { "text": text } });
    if modern {
        modern_meta(&mut params, conductor_e2e::client::MODERN);
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

/// Sends one call and reads its answer to the end, so that the connection can be used again.
async fn exchange(
    connection: &mut Connection,
    path: &str,
    headers: &[(String, String)],
    body: &Value,
) -> Result<Value> {
    let mut answer = connection.send(Method::POST, path, headers, body.to_string()).await?;
    if !answer.status.is_success() {
        let status = answer.status;
        bail!("status {status}: {}", String::from_utf8_lossy(&answer.bytes().await?));
    }
    if !answer.is_stream() {
        return answer.next().await?.context("an answer without a body");
    }
    let mut last = None;
    while let Some(message) = answer.next().await? {
        last = Some(message);
    }
    last.context("a stream without an answer")
}

//! This file does the faults that a call, or the end of listing, sets off.
//! It leaves the faults of the way a line is written to `output.rs`.

use std::path::Path;

use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep, timeout};

use super::calls::{self, Outcome, text};
use super::fault::{Fault, Kind};
use super::process;
use super::protocol::{Call, answer_line};
use super::shared::Shared;
use super::startup::write_stderr;

const GIB: u64 = 1 << 30;

/// Answers a call, spoiled by `fault`: the one whose tool was called, or one given by flag.
pub(crate) async fn answer(shared: &Shared, call: &Call, fault: &Fault) {
    match fault.kind {
        Kind::CallKill => process::kill_self(),
        Kind::CountKill => {
            let file = fault.arg.clone().unwrap_or_else(|| "count".to_owned());
            calls::count(Path::new(&file));
            process::kill_self();
        }
        Kind::Exit => process::die(u8::try_from(fault.number(0)).unwrap_or(1)),
        Kind::Hang => {}
        Kind::Big => {
            let size = usize::try_from(fault.number(17)).unwrap_or(17) << 20;
            reply(shared, call, &text("x".repeat(size))).await;
        }
        Kind::BadUtf8 | Kind::Partial => half(shared, call, fault.kind).await,
        Kind::WrongId => {
            let id = call.id.as_i64().map_or(json!("wrong"), |id| json!(id + 1_000_000));
            reply(shared, &call.with_id(id), &text("under a wrong id")).await;
        }
        Kind::StrId => {
            let id = call.id.as_str().map_or_else(|| call.id.to_string(), str::to_owned);
            reply(shared, &call.with_id(json!(id)), &text("id as text")).await;
        }
        Kind::NullId => reply(shared, &call.with_id(Value::Null), &text("id null")).await,
        Kind::DupId => {
            reply(shared, call, &own_text(call, "first")).await;
            reply(shared, call, &own_text(call, "second")).await;
        }
        Kind::Late => {
            sleep(Duration::from_millis(fault.number(1000))).await;
            shared.journal.note("late", json!({ "id": call.id }));
            reply(shared, call, &own_text(call, "late")).await;
        }
        Kind::AskBack => {
            let outcome = ask_back(shared, call, fault.number(2000)).await;
            reply(shared, call, &outcome).await;
        }
        Kind::Crlf | Kind::Bom | Kind::Blank | Kind::CrProgress | Kind::Noise | Kind::Dribble => {
            let line = answer_line(shared, call, &own_text(call, "spoiled"));
            shared.out.spoiled_line(&line, std::slice::from_ref(fault)).await;
        }
        Kind::Busy => reply(shared, call, &own_text(call, "busy")).await,
        Kind::ForkTree => {
            let pids = fault.arg.clone().unwrap_or_else(|| "pids".to_owned());
            let outcome = match process::fork_tree(&shared.args, Path::new(&pids)) {
                Ok(()) => text(pids),
                Err(error) => Outcome::Error { code: -32603, message: error.to_string() },
            };
            reply(shared, call, &outcome).await;
        }
        _ => {
            begin(shared, fault).await;
            reply(shared, call, &own_text(call, "after")).await;
        }
    }
}

/// Does a fault that needs no call. Those that never end do not return.
pub(crate) async fn begin(shared: &Shared, fault: &Fault) {
    shared.journal.note("fault", json!({ "fault": fault.kind.name() }));
    match fault.kind {
        Kind::Mute => shared.out.freeze().await,
        Kind::CloseStdout => shared.out.close().await,
        Kind::NoStdin => {
            shared.reading.send_replace(false);
            std::future::pending::<()>().await;
        }
        Kind::ShapeFlood => {
            shared.reading.send_replace(false);
            shape_flood(shared, fault.number(0)).await;
        }
        Kind::EndlessLine => {
            let head = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":""#;
            shared.out.raw(head.as_bytes().to_vec()).await;
            flood(shared, &vec![b'a'; 1 << 16], fault.number(GIB)).await;
            std::future::pending::<()>().await;
        }
        Kind::NotifyFlood => {
            let line = concat!(
                r#"{"jsonrpc":"2.0","method":"notifications/message","#,
                r#""params":{"level":"info","data":"all is well, as it was before"}}"#,
                "\n"
            );
            flood(shared, line.repeat(512).as_bytes(), fault.number(GIB)).await;
        }
        Kind::ChangedStorm => changed_storm(shared, fault.number(1000)).await,
        Kind::StderrFlood => write_stderr(fault.number(100 << 20)).await,
        Kind::Spin => spin(fault.number(600_000)).await,
        Kind::Hoard => hoard(fault.number(100)),
        _ => {}
    }
}

async fn reply(shared: &Shared, call: &Call, outcome: &Outcome) {
    shared.out.line(&answer_line(shared, call, outcome)).await;
}

/// An answer that tells its own call from others: the text of the call, if it had one.
fn own_text(call: &Call, otherwise: &str) -> Outcome {
    let given = call.arguments.get("text").and_then(Value::as_str);
    match given {
        Some(given) if otherwise == "second" => text(format!("second {given}")),
        Some(given) => text(given),
        None => text(otherwise),
    }
}

async fn half(shared: &Shared, call: &Call, kind: Kind) {
    let line = answer_line(shared, call, &text("MARK and more after it"));
    let (head, tail) = line.split_once("MARK").unwrap_or((&line, ""));
    let mut bytes = head.as_bytes().to_vec();
    if kind == Kind::BadUtf8 {
        bytes.extend_from_slice(b"bad \xff\xfe bytes");
        bytes.extend_from_slice(tail.as_bytes());
        bytes.push(b'\n');
        shared.out.raw(bytes).await;
    } else {
        shared.out.raw(bytes).await;
        shared.out.freeze().await;
    }
}

/// Writes `chunk` again and again until so many bytes are out; whole chunks only.
async fn flood(shared: &Shared, chunk: &[u8], bytes: u64) {
    let mut left = bytes;
    while left > 0 {
        shared.out.raw(chunk.to_vec()).await;
        left = left.saturating_sub(chunk.len() as u64);
    }
}

async fn shape_flood(shared: &Shared, lines: u64) {
    let chunk =
        "{\"jsonrpc\":\"2.0\",\"id\":{\"a\":[1]},\"method\":17,\"neither\":true}\n".repeat(256);
    let mut left = if lines == 0 { u64::MAX } else { lines };
    while left > 0 {
        shared.out.raw(chunk.as_bytes().to_vec()).await;
        left = left.saturating_sub(256);
    }
}

async fn changed_storm(shared: &Shared, per_second: u64) {
    let line = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let end = Instant::now() + Duration::from_secs(10);
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / per_second.max(1)));
    while Instant::now() < end {
        tick.tick().await;
        shared.out.line(line).await;
    }
}

async fn spin(ms: u64) {
    let end = Instant::now() + Duration::from_millis(ms);
    let work = move || {
        let mut count = 0_u64;
        while Instant::now() < end {
            count = std::hint::black_box(count.wrapping_add(1));
        }
    };
    let both = (tokio::task::spawn_blocking(work), tokio::task::spawn_blocking(work));
    let _ = tokio::join!(both.0, both.1); // they only count
}

/// Takes so many MiB for good.
fn hoard(mib: u64) {
    let bytes = usize::try_from(mib << 20).unwrap_or(usize::MAX);
    // Ones, for memory full of noughts is there without being resident.
    std::mem::forget(std::hint::black_box(vec![1_u8; bytes]));
}

/// Sends four requests to the client and tells, method by method, what came back within `ms`.
async fn ask_back(shared: &Shared, call: &Call, ms: u64) -> Outcome {
    let mut answers = shared.answers.subscribe();
    let questions = [
        ("ping", json!({})),
        ("roots/list", json!({})),
        (
            "sampling/createMessage",
            json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "hi" } }],
                    "maxTokens": 10 }),
        ),
        (
            "elicitation/create",
            json!({ "message": "Who?", "requestedSchema": { "type": "object", "properties": {} } }),
        ),
    ];
    let mut told = serde_json::Map::new();
    let id_of = |method: &str| json!(format!("ask-{}-{method}", call.id));
    for (method, params) in &questions {
        let line =
            json!({ "jsonrpc": "2.0", "id": id_of(method), "method": method, "params": params });
        shared.out.line(&line.to_string()).await;
        told.insert((*method).to_owned(), json!("nothing"));
    }
    let collect = async {
        let mut left = questions.len();
        while left > 0 {
            let Ok(answer) = answers.recv().await else { break };
            let Some((method, _)) = questions.iter().find(|(m, _)| answer["id"] == id_of(m)) else {
                continue;
            };
            let kind = if answer.get("error").is_some() { "error" } else { "result" };
            told.insert((*method).to_owned(), json!(kind));
            left -= 1;
        }
    };
    let _ = timeout(Duration::from_millis(ms), collect).await; // what is missing stays "nothing"
    text(Value::Object(told).to_string())
}

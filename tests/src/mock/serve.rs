//! This file is the mock server's loop: it owns the conversation and decides who answers a message.
//! It leaves what is answered to `protocol.rs`, and what a tool does to `calls.rs` and `call_faults.rs`.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Duration, Instant, sleep};

use super::args::Args;
use super::calls::Outcome;
use super::fault::{Fault, Kind};
use super::journal::Journal;
use super::library::{self, Request};
use super::process::{self, EndSignals};
use super::protocol::{self, Call};
use super::shared::{Ask, Shared};
use super::tasks::{Answer, Tasks};
use super::tells::{self, Wanted};
use super::{call_faults, calls, catalogue, startup};

/// Runs the process to its end and returns its exit code.
pub(crate) async fn run(args: Args) -> u8 {
    let Ok(journal) = Journal::open(args.log.as_deref()) else { return 73 };
    let code = match args.leaf {
        Some(below) => process::run_leaf(&args, below, &journal).await,
        None if args.launcher => process::run_launcher(&journal).await,
        None => serve(args, journal.clone()).await,
    };
    match code {
        Ok(code) => {
            journal.note("exit", json!({ "code": code }));
            code
        }
        Err(error) => {
            journal.note("error", json!({ "error": error.to_string() }));
            70
        }
    }
}

async fn serve(args: Args, journal: Journal) -> std::io::Result<u8> {
    let faults = startup::faults_of(&args);
    journal.note(
        "start",
        json!({ "faults": faults.iter().map(|f| f.kind.name()).collect::<Vec<_>>() }),
    );
    let mut signals = EndSignals::listen()?;
    let (asks, mut asked) = mpsc::channel(16);
    let lifetime = sleep(Duration::from_secs(args.lifetime));
    tokio::pin!(lifetime);
    let shared = Shared::new(args, faults, journal, asks);
    if let Some(code) = startup::before_reading(&shared).await {
        return Ok(code);
    }
    let stubborn = shared.has(Kind::Stubborn);
    let slow = shared.fault(Kind::SlowEnd).map(|fault| Duration::from_millis(fault.number(1500)));
    let ending = sleep(Duration::MAX);
    tokio::pin!(ending);
    let mut lines = read_lines(shared.reading.subscribe());
    let mut talk = Conversation::new(shared.clone());
    let mut at_end = false;
    loop {
        tokio::select! {
            line = lines.recv(), if !at_end => match line {
                Some(line) => if let Some(code) = talk.on_line(&line).await {
                    return Ok(code);
                },
                None => {
                    shared.journal.note("stdin_eof", json!({}));
                    match slow {
                        Some(slow) => ending.as_mut().reset(Instant::now() + slow),
                        None if stubborn => {}
                        None => return Ok(0),
                    }
                    at_end = true;
                }
            },
            Some(ask) = asked.recv() => talk.on_ask(ask).await,
            name = signals.next() => {
                shared.journal.note("signal", json!({ "signal": name }));
                if !stubborn {
                    return Ok(0);
                }
            }
            () = &mut ending => return Ok(0),
            () = &mut lifetime => return Ok(0),
        }
    }
}

/// Reads lines as long as `reading` is true; the receiver ends at the end of input.
fn read_lines(mut reading: watch::Receiver<bool>) -> mpsc::Receiver<Vec<u8>> {
    let (to, lines) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut stdin = BufReader::new(tokio::io::stdin());
        loop {
            if reading.wait_for(|reading| *reading).await.is_err() {
                return;
            }
            let mut line = Vec::new();
            match stdin.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) if !*reading.borrow() => {} // told to stop while it waited
                Ok(_) if to.send(line).await.is_err() => return,
                Ok(_) => {}
            }
        }
    });
    lines
}

/// The state of one conversation. Owned by the loop; nobody else touches it.
struct Conversation {
    shared: Shared,
    /// `initialize` was answered.
    initialized: bool,
    /// Either handshake was answered; faults that wait for it have begun.
    begun: bool,
    listed: bool,
    /// Running calls by the text of their id.
    running: HashMap<String, AbortHandle>,
    /// Tools that were added while running.
    added: Vec<String>,
    /// Prompts listed beside the fixed ones.
    prompts: Vec<String>,
    /// Ids of modern subscriptions, and the resources each is about.
    subscriptions: Vec<(Value, Vec<String>)>,
    /// Of these, the tasks that each is about.
    task_ears: Vec<(Value, Value)>,
    tasks: Tasks,
    /// What a legacy client wants to be told of.
    wanted: Wanted,
}

impl Conversation {
    fn new(shared: Shared) -> Self {
        Self {
            shared,
            initialized: false,
            begun: false,
            listed: false,
            running: HashMap::new(),
            added: Vec::new(),
            prompts: Vec::new(),
            subscriptions: Vec::new(),
            task_ears: Vec::new(),
            tasks: Tasks::default(),
            wanted: Wanted::default(),
        }
    }

    /// Handles one line; an exit code ends the process.
    async fn on_line(&mut self, line: &[u8]) -> Option<u8> {
        let Ok(message) = serde_json::from_slice::<Value>(line) else {
            self.shared.journal.note("unparsable", json!({ "bytes": line.len() }));
            return None;
        };
        self.shared.journal.note_message(&message);
        match (message.get("method").and_then(Value::as_str), message.get("id")) {
            (Some(method), Some(_)) => self.on_request(method, &message).await,
            (Some(method), None) => {
                self.on_notification(method, &message);
                None
            }
            (None, _) if self.tasks.on_answer(&self.shared, &message) => None,
            (None, _) => {
                let _ = self.shared.answers.send(message); // nobody asked
                None
            }
        }
    }

    async fn on_request(&mut self, method: &str, message: &Value) -> Option<u8> {
        let args = self.shared.args.clone();
        if args.die_on_discover && !self.initialized && method != "initialize" {
            return Some(1);
        }
        match method {
            "initialize" | "server/discover" => return self.on_handshake(method, message).await,
            "ping" if args.era.knows_legacy() && !protocol::is_modern(message) => {
                self.reply(&protocol::result_line(&message["id"], &json!({}))).await;
                return None;
            }
            _ => {}
        }
        if let Some(error) = protocol::refuse(&self.shared, message, self.initialized) {
            self.reply(&protocol::error_line(&message["id"], &error)).await;
            return None;
        }
        let given = protocol::dictated_line(message)
            .or_else(|| protocol::listed_line(&self.shared, method, message));
        if let Some(line) = given {
            self.reply(&line).await;
            return None;
        }
        if args.tasks
            && let Some(answer) = self.tasks.answer(&self.shared, method, message)
        {
            self.on_task(message, answer).await;
            return None;
        }
        match method {
            "tools/list" => self.on_list(message).await,
            method if args.library && library::knows(method) => {
                self.on_library(Request::read(method, message, &self.prompts));
            }
            "tools/call" => self.on_call(Call::read(message)).await,
            "mock/reverse" if args.extension => {
                let call = Call::read(message);
                let text = message["params"]["text"].as_str().unwrap_or_default();
                let text: String = text.chars().rev().collect();
                let params = &message["params"];
                let outcome = Outcome::Result(json!({ "text": text, "params": params }));
                self.reply(&protocol::answer_line(&self.shared, &call, &outcome)).await;
            }
            "subscriptions/listen" if args.era.knows_modern() => {
                let id = message["id"].clone();
                let filter = &message["params"]["notifications"];
                self.reply(&protocol::acknowledged_line(&id, filter)).await;
                self.task_ears.push((id.clone(), filter["taskIds"].clone()));
                self.subscriptions.push((id, tells::honoured(filter)));
            }
            _ => {
                let known = args.tells && !protocol::is_modern(message);
                let answer =
                    known.then(|| self.wanted.answer(&self.shared, method, message)).flatten();
                let error = protocol::error(-32601, "Method not found");
                let mut answer = answer.unwrap_or_else(|| json!({ "error": error }));
                answer["jsonrpc"] = json!("2.0");
                answer["id"] = message["id"].clone();
                self.reply(&answer.to_string()).await;
            }
        }
        None
    }

    async fn on_handshake(&mut self, method: &str, message: &Value) -> Option<u8> {
        let args = self.shared.args.clone();
        let id = &message["id"];
        if self.shared.has(Kind::HangInit) || args.mute_on_discover && method == "server/discover" {
            return None;
        }
        let known = match method {
            "initialize" => args.era.knows_legacy(),
            _ => args.era.knows_modern(),
        };
        if !known {
            let error = if method == "initialize" {
                let mut error = protocol::error(-32022, "Unsupported protocol version");
                error["data"] = json!({ "supported": [protocol::MODERN] });
                error
            } else {
                protocol::error(-32601, "Method not found")
            };
            self.reply(&protocol::error_line(id, &error)).await;
            return None;
        }
        if self.shared.has(Kind::BadInit) {
            self.reply(r#"{"jsonrpc":"2.0","method":["no such shape"]}"#).await;
            self.reply(&protocol::result_line(id, &json!("garbage"))).await;
            self.shared.out.flush().await;
            return Some(1);
        }
        let result = if method == "initialize" {
            self.initialized = true;
            protocol::initialize(&self.shared, message)
        } else {
            if let Some(error) = protocol::refuse(&self.shared, message, true) {
                self.reply(&protocol::error_line(id, &error)).await;
                return None;
            }
            protocol::discover(&self.shared)
        };
        self.reply(&protocol::result_line(id, &result)).await;
        if !std::mem::replace(&mut self.begun, true) {
            startup::after_handshake(&self.shared);
        }
        None
    }

    async fn on_list(&mut self, message: &Value) {
        if self.shared.has(Kind::HangList) {
            return;
        }
        let line = protocol::list_line(&self.shared, message, &self.added);
        self.reply(&line).await;
        if !std::mem::replace(&mut self.listed, true) {
            startup::after_list(&self.shared);
        }
    }

    fn on_library(&mut self, request: Request) {
        let (shared, key) = (self.shared.clone(), request.key());
        let task = tokio::spawn(async move { request.answer(&shared).await });
        self.running.retain(|_, task| !task.is_finished());
        self.running.insert(key, task.abort_handle());
    }

    async fn on_call(&mut self, call: Call) {
        self.shared.count_call();
        if !catalogue::knows(&self.shared, &self.added, &call.name) {
            let error = protocol::error(-32602, &format!("Unknown tool: {}", call.name));
            self.reply(&protocol::error_line(&call.id, &error)).await;
            return;
        }
        let fault = fault_of(&self.shared, &call);
        let keeps_running = fault.as_ref().is_some_and(|fault| fault.kind == Kind::Late);
        let waits = self.shared.has(Kind::Busy);
        let (shared, key) = (self.shared.clone(), call.id.to_string());
        if fault.as_ref().is_some_and(|fault| fault.kind == Kind::Busy) {
            // One thread: nothing else is read until the call is over.
            sleep(Duration::from_millis(fault.as_ref().map_or(0, |fault| fault.number(1000))))
                .await;
        }
        let task = tokio::spawn(async move {
            match fault {
                Some(fault) => call_faults::answer(&shared, &call, &fault).await,
                None => {
                    let outcome = calls::run(&shared, &call).await;
                    shared.out.line(&protocol::answer_line(&shared, &call, &outcome)).await;
                }
            }
        });
        if waits {
            let _ = task.await; // a panic in a tool is an answer that never comes
        } else if !keeps_running {
            self.running.retain(|_, task| !task.is_finished());
            self.running.insert(key, task.abort_handle());
        }
    }

    fn on_notification(&mut self, method: &str, message: &Value) {
        if method != "notifications/cancelled" {
            return;
        }
        let id = &message["params"]["requestId"];
        self.subscriptions.retain(|(subscription, _)| subscription != id);
        self.task_ears.retain(|(subscription, _)| subscription != id);
        if let Some(task) = self.running.remove(&id.to_string()) {
            task.abort();
        }
    }

    /// Changes a list and tells whoever may hear of it.
    async fn on_ask(&mut self, ask: Ask) {
        let mut method = "notifications/tools/list_changed";
        match ask {
            Ask::AddPrompt(name) => {
                self.prompts.push(name);
                method = "notifications/prompts/list_changed";
            }
            Ask::Touch(uri) => return self.on_touch(&uri).await,
            Ask::EndTask { id, text } => return self.on_task_end(&id, &text).await,
            Ask::AddTool(name) => self.added.push(name),
            Ask::RemoveTool(name) => self.added.retain(|tool| *tool != name),
        }
        if self.initialized {
            self.reply(&protocol::changed_line(method, None)).await;
        }
        for (subscription, _) in self.subscriptions.clone() {
            self.reply(&protocol::changed_line(method, Some(&subscription))).await;
        }
    }

    async fn on_task(&mut self, message: &Value, answer: Answer) {
        let id = &message["id"];
        if let Some(mut result) = answer.result {
            if protocol::is_modern(message) && result.get("resultType").is_none() {
                result["resultType"] = json!("complete");
            }
            self.reply(&protocol::result_line(id, &result)).await;
        }
        if let Some(error) = answer.error {
            self.reply(&protocol::error_line(id, &error)).await;
        }
        for line in answer.lines {
            self.reply(&line).await;
        }
    }

    async fn on_task_end(&mut self, task: &str, text: &str) {
        let mut lines = self.tasks.finish(task, text);
        let hears = |ids: &Value| ids.as_array().is_some_and(|ids| ids.contains(&json!(task)));
        let ears = self.task_ears.iter().filter(|(_, ids)| hears(ids));
        lines.extend(ears.filter_map(|(subscription, _)| self.tasks.told_line(task, subscription)));
        for line in lines {
            self.reply(&line).await;
        }
    }

    /// Tells of an update whoever subscribed to it or to something above it.
    async fn on_touch(&self, uri: &str) {
        let wants = |all: &[String]| all.iter().any(|known| uri.starts_with(known.as_str()));
        if wants(&self.wanted.addresses) {
            self.reply(&tells::updated_line(uri, None)).await;
        }
        for (subscription, _) in self.subscriptions.iter().filter(|(_, all)| wants(all)) {
            self.reply(&tells::updated_line(uri, Some(subscription))).await;
        }
    }

    async fn reply(&self, line: &str) {
        self.shared.out.line(line).await;
    }
}

/// The fault that spoils this call: its tool's own, else one given by flag.
fn fault_of(shared: &Shared, call: &Call) -> Option<Fault> {
    if let Some(kind) = Kind::of_tool(&call.name) {
        let arg = match call.arguments.get("arg") {
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
            None => shared.args.faults.iter().find(|f| f.kind == kind).and_then(|f| f.arg.clone()),
        };
        return Some(Fault { kind, arg });
    }
    shared
        .faults
        .iter()
        .find(|fault| fault.kind.spoils_answers() && !fault.kind.is_on_every_line())
        .cloned()
}

//! This file writes the journal: one JSON line per event, whole lines even from several processes.
//! It leaves reading it to `conductor_e2e::journal`.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Longest `params` that is written; longer ones are left out.
const PARAMS_MAX: usize = 4096;

/// An append-only file, or nothing where none was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Journal(Option<Arc<File>>);

impl Journal {
    /// Opens the file for appending; it may belong to several processes.
    pub(crate) fn open(path: Option<&Path>) -> std::io::Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Some(Arc::new(file))))
    }

    /// Writes one event with its facts. A full disk is nobody's fault here.
    pub(crate) fn note(&self, event: &str, facts: Value) {
        let Some(file) = &self.0 else { return };
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = json!({
            "at_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            "pid": std::process::id(),
            "event": event,
        });
        if let (Some(line), Value::Object(facts)) = (line.as_object_mut(), facts) {
            line.extend(facts);
        }
        let text = format!("{line}\n");
        let _ = file.as_ref().write_all(text.as_bytes()); // nobody to tell
    }

    /// Writes a message that came in: method, id, tool name and, if short, its parameters.
    pub(crate) fn note_message(&self, message: &Value) {
        if self.0.is_none() {
            return;
        }
        let mut facts = json!({});
        for key in ["method", "id"] {
            if let Some(value) = message.get(key) {
                facts[key] = value.clone();
            }
        }
        if let Some(params) = message.get("params") {
            if let Some(name) = params.get("name") {
                facts["name"] = name.clone();
            }
            if let Some(id) = params.get("requestId") {
                facts["requestId"] = id.clone();
            }
            if params.to_string().len() <= PARAMS_MAX {
                facts["params"] = params.clone();
            }
        }
        for key in ["result", "error"] {
            if let Some(value) = message.get(key) {
                facts[key] = value.clone();
            }
        }
        let event = if message.get("method").is_some() { "recv" } else { "answer" };
        self.note(event, facts);
    }
}

//! This file is `conductor check`: settings as they would be used, without using them.
//!
//! It leaves reading and judging settings to `conductor-config`, and shows no secret.

use std::collections::BTreeMap;
use std::path::PathBuf;

use conductor_config::{
    Config, ExportStyle, Overrides, Patterns, ServerSpec, Transport, format_duration,
};
use serde::Serialize;
use serde_json::json;

use super::args::CheckArgs;
use super::load::Surroundings;
use super::out::Out;
use super::table::table;
use crate::doctor::{Located, doubts, judge, locate};
use crate::exit::{Exit, Failure};
use crate::rest::shown;

pub(super) fn run(args: &CheckArgs, out: Out) -> Result<Exit, Failure> {
    let surroundings = Surroundings::read()?;
    let mut config = match surroundings.settings(&args.files.config, Overrides::default()) {
        Ok(config) => config,
        Err(Failure::Settings(error)) if args.json => {
            out.json(&json!({"valid": false, "problems": error.problems}))?;
            return Ok(Exit::Usage);
        }
        Err(failure) => return Err(failure),
    };
    config.warnings.extend(doubts(&config));
    let report = Report::new(&config, surroundings.env.get("PATH").map(String::as_str));
    if args.json {
        out.json(&report)?;
        return Ok(Exit::Success);
    }
    out.data(&report.text())?;
    for warning in report.warnings.iter().chain(&report.collisions) {
        out.note(format_args!("warning: {warning}"));
    }
    Ok(Exit::Success)
}

/// Settings as they are shown.
#[derive(Debug, Serialize)]
struct Report {
    valid: bool,
    sources: Vec<PathBuf>,
    listen: Option<String>,
    state_dir: PathBuf,
    export_style: &'static str,
    /// Where, or for whom, names are written in another style.
    other_styles: BTreeMap<String, &'static str>,
    separator: String,
    servers: Vec<Shown>,
    collisions: Vec<String>,
    warnings: Vec<String>,
}

/// One server as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    workspace_id: String,
    name: String,
    enabled: bool,
    required: bool,
    transport: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<PathBuf>,
    /// Names only.
    env: Vec<String>,
    /// Names only.
    headers: Vec<String>,
    start: &'static str,
    restart: &'static str,
    startup_timeout: String,
    timeout: String,
    max_in_flight: usize,
    /// Patterns.
    validate_arguments: Patterns,
    /// What is done about each danger in definitions.
    sanitize: BTreeMap<&'static str, &'static str>,
    /// What its tools are called.
    tools_as: String,
}

impl Report {
    fn new(config: &Config, path: Option<&str>) -> Self {
        let missing = config.servers.values().filter_map(|spec| missing_program(spec, path));
        Self {
            valid: true,
            sources: config.sources.clone(),
            listen: config.listen.http.map(|address| format!("http://{address}/mcp")),
            state_dir: config.state.dir.clone(),
            export_style: config.catalog.export_styles.usual.as_str(),
            other_styles: other_styles(config),
            separator: config.catalog.separator.clone(),
            servers: config.servers.values().map(|spec| Shown::new(spec, config)).collect(),
            collisions: judge::look_alikes(config.servers.keys()),
            warnings: config.warnings.iter().cloned().chain(missing).collect(),
        }
    }

    fn text(&self) -> String {
        let sources: Vec<String> =
            self.sources.iter().map(|file| file.display().to_string()).collect();
        let sources = if sources.is_empty() {
            "built-in defaults only".to_owned()
        } else {
            sources.join(", ")
        };
        let listen = self.listen.as_deref().unwrap_or("off");
        let mut text = format!(
            "settings  {sources}\nlisten    {listen}\nstate     {}\ntools     named in style {:?} \
             with separator {:?}",
            self.state_dir.display(),
            self.export_style,
            self.separator
        );
        for (key, style) in &self.other_styles {
            text.push_str(&format!("\n          in style {style:?} for {key}"));
        }
        if self.servers.is_empty() {
            text.push_str("\nservers   none");
        } else {
            let rows: Vec<[String; 5]> = self.servers.iter().map(Shown::row).collect();
            text.push_str("\n\n");
            text.push_str(&table(
                ["SERVER", "TRANSPORT", "START", "TOOLS AS", "COMMAND OR URL"],
                &rows,
            ));
        }
        text
    }
}

impl Shown {
    fn new(spec: &ServerSpec, config: &Config) -> Self {
        let (command, url) = shown(&spec.transport);
        let (cwd, env, headers) = match &spec.transport {
            Transport::Stdio(stdio) => {
                (stdio.cwd.clone(), stdio.env.keys().cloned().collect(), Vec::new())
            }
            Transport::Remote(remote) => {
                (None, Vec::new(), remote.headers.keys().cloned().collect())
            }
        };
        let separator = match config.catalog.export_styles.usual {
            ExportStyle::Dot => config.catalog.separator.as_str(),
            ExportStyle::Safe => "__",
        };
        Self {
            workspace_id: spec.id.workspace.to_string(),
            name: spec.id.name.to_string(),
            enabled: spec.enabled,
            required: spec.required,
            transport: spec.transport.as_str(),
            command,
            url,
            cwd,
            env,
            headers,
            start: spec.start.as_str(),
            restart: spec.restart.as_str(),
            startup_timeout: format_duration(spec.startup_timeout),
            timeout: format_duration(spec.timeout),
            max_in_flight: spec.max_in_flight,
            validate_arguments: spec.validate_arguments.clone(),
            sanitize: spec.sanitize.words().collect(),
            tools_as: format!("{}{separator}*", spec.id.name),
        }
    }

    fn row(&self) -> [String; 5] {
        let command = self.command.as_ref().map(|words| words.join(" "));
        let name = match self.workspace_id.as_str() {
            "default" => self.name.clone(),
            workspace => format!("{workspace}/{}", self.name),
        };
        [
            name,
            self.transport.to_owned(),
            if self.enabled { self.start.to_owned() } else { "disabled".to_owned() },
            self.tools_as.clone(),
            command.or_else(|| self.url.clone()).unwrap_or_default(),
        ]
    }
}

/// The keys of doors, views and clients that have a style of their own, and which.
fn other_styles(config: &Config) -> BTreeMap<String, &'static str> {
    let styles = &config.catalog.export_styles;
    let doors = styles.doors.iter().map(|(key, style)| (key.clone(), *style));
    let clients =
        styles.clients.iter().map(|(name, style)| (format!("catalog.clients.{name}"), *style));
    let views = config
        .catalog
        .views
        .iter()
        .filter_map(|(name, view)| Some((format!("catalog.views.{name}"), view.export_style?)));
    let all = doors.chain(clients).chain(views);
    let others = all.filter(|(_, style)| *style != styles.usual);
    others.map(|(key, style)| (key, style.as_str())).collect()
}

/// That the program of an enabled server is nowhere to be found. The daemon may be started with
/// another `PATH`, so this is no error.
fn missing_program(spec: &ServerSpec, path: Option<&str>) -> Option<String> {
    let Transport::Stdio(stdio) = &spec.transport else { return None };
    let missing = spec.enabled && matches!(locate(stdio, path), Located::Missing(_));
    missing.then(|| {
        format!("mcpServers.{}: no program `{}` is to be found", spec.id.name, stdio.program)
    })
}

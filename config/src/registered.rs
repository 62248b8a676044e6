//! This file reads servers that are registered while the daemon runs, and puts them beside those of
//! the files.
//! It does not keep them, nor encrypt what is secret in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use figment::value::Dict;
use serde_json::{Map, Value as Json};

use crate::{
    Config, ConfigError, Decrypter, Origin, Problem, Reach, ServerId, ServerSpec, Transport,
    WorkspaceName,
    document::Raw,
    hazard::{self, Hazard},
    layer::{Layer, Layers},
    network,
    reader::Context,
    server, validate,
};

/// A server as it was registered: its id, and what would stand under its name in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its workspace and name.
    pub id: ServerId,
    entry: Map<String, Json>,
}

impl std::fmt::Debug for Registration {
    /// Leaves out the entry, which has secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registration({})", self.id)
    }
}

/// Where an entry stands while it is read.
const ENTRY: &str = "entry";
/// What a request is called in problems.
const REQUEST: &str = "the request";

fn refused(key: &str, message: impl Into<String>) -> ConfigError {
    let (file, key) = (REQUEST.to_owned(), key.to_owned());
    ConfigError::new(vec![Problem { file, key, message: message.into() }])
}

impl Registration {
    /// Reads the body of a request: an object with `name`, `workspace_id` (`default` if left out)
    /// and the keys of a server. With `expected`, both may be left out and must not be others.
    ///
    /// # Errors
    /// If it is no such object. Its keys are not looked at.
    pub fn read(body: &[u8], expected: Option<&ServerId>) -> Result<Self, ConfigError> {
        let unreadable = |error: serde_json::Error| refused("", format!("is not JSON: {error}"));
        // The stricter reader first, which refuses a key that stands twice.
        let Raw(_) = serde_json::from_slice(body).map_err(unreadable)?;
        let Json::Object(mut entry) = serde_json::from_slice(body).map_err(unreadable)? else {
            return Err(refused("", "must be an object with `name` and the keys of a server"));
        };
        if entry.contains_key("workspace") {
            return Err(refused("workspace", "is called `workspace_id` here"));
        }
        let workspace = taken(&mut entry, "workspace_id")?;
        let name = taken(&mut entry, "name")?;
        let wrong =
            |key: &'static str| move |error: crate::NameError| refused(key, error.to_string());
        let workspace: Option<WorkspaceName> =
            workspace.map(|text| text.parse().map_err(wrong("workspace_id"))).transpose()?;
        let name = name.map(|text| text.parse().map_err(wrong("name"))).transpose()?;
        let id = match (expected, name) {
            (Some(expected), name) => {
                for (key, differs) in [
                    ("workspace_id", workspace.is_some_and(|found| found != expected.workspace)),
                    ("name", name.is_some_and(|found| found != expected.name)),
                ] {
                    if differs {
                        return Err(refused(key, "is not that of the path; leave it out"));
                    }
                }
                expected.clone()
            }
            (None, Some(name)) => ServerId { workspace: workspace.unwrap_or_default(), name },
            (None, None) => return Err(refused("name", "is missing: say what it is called")),
        };
        Ok(Self { id, entry })
    }

    /// The registration of `id` that was kept as `entry`.
    #[must_use]
    pub fn kept(id: ServerId, entry: Map<String, Json>) -> Self {
        Self { id, entry }
    }

    /// What stands under its name, to be kept.
    #[must_use]
    pub fn entry(&self) -> &Map<String, Json> {
        &self.entry
    }

    /// Has `change` look at every text that may be secret, each with the path of its key: values
    /// of `env` and `headers`, and the URL, which may have a token in it.
    ///
    /// # Errors
    /// Whatever `change` fails with, at the first.
    pub fn each_secret<E>(
        &mut self,
        mut change: impl FnMut(&str, &mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        for (key, value) in &mut self.entry {
            match (key.as_str(), value) {
                ("url" | "serverUrl" | "httpUrl", Json::String(text)) => change(key, text)?,
                ("env" | "headers", Json::Object(values)) => {
                    for (name, value) in values {
                        if let Json::String(text) = value {
                            change(&format!("{key}.{name}"), text)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The server that a request asks for beside those of `config`, with what is to be said about
    /// it, a sentence each.
    ///
    /// # Errors
    /// If anything about it is wrong, with every problem found.
    pub fn server(
        &self,
        config: &Config,
        decrypter: &Decrypter,
    ) -> Result<(ServerSpec, Vec<String>), ConfigError> {
        let (spec, warnings) = self.read_spec(REQUEST, config, decrypter)?;
        let mut all = config.clone();
        all.servers.insert(spec.id.clone(), Arc::new(spec.clone()));
        let own = format!("mcpServers.{}", spec.id.name);
        match validate::faults(&all).into_iter().next() {
            Some((key, message)) => {
                let key = key.strip_prefix(&own).unwrap_or(&key).trim_start_matches('.');
                Err(refused(key, message))
            }
            None => Ok((spec, warnings)),
        }
    }

    fn read_spec(
        &self,
        shown: &str,
        config: &Config,
        decrypter: &Decrypter,
    ) -> Result<(ServerSpec, Vec<String>), ConfigError> {
        let workspace = Json::String(self.id.workspace.to_string());
        let mut entry = self.entry.clone();
        entry.insert("workspace".to_owned(), workspace);
        let Ok(Raw(entry)) = serde_json::from_value(Json::Object(entry)) else {
            return Err(refused("", "must be an object"));
        };
        // Values know where they come from, the whole of a layer does not.
        let dict = Dict::from([(ENTRY.to_owned(), entry)]);
        let mut layers = Layers::default();
        layers.push(Layer { shown: shown.to_owned(), file: None, dict });
        let Some(value) = layers.merged().remove(ENTRY) else {
            return Err(refused("", "must be an object"));
        };
        let none = BTreeMap::new();
        let cx = Context::of_registration(&layers, &none, &config.state.dir, decrypter);
        let root = cx.root(&value);
        let spec = server::read(self.id.name.as_str(), &root, &config.defaults, &config.state.dir);
        let spec = spec.map(|mut spec| {
            spec.origin = Origin::Api;
            guarded(&mut spec, config, &root);
            spec
        });
        let (problems, warnings) = (cx.problems.into_inner(), cx.warnings.into_inner());
        match spec {
            Some(spec) if problems.is_empty() => Ok((spec, warnings)),
            _ => Err(ConfigError::new(problems)),
        }
    }
}

/// A text under a key, taken out.
fn taken(entry: &mut Map<String, Json>, key: &str) -> Result<Option<String>, ConfigError> {
    match entry.remove(key) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(refused(key, "must be text")),
    }
}

/// Notes what a server that comes from outside may not have, and binds it to where it may go.
fn guarded(spec: &mut ServerSpec, config: &Config, root: &crate::reader::Node<'_>) {
    let under = |key: String| crate::reader::Node { path: key, ..root.clone() };
    match &mut spec.transport {
        Transport::Stdio(stdio) => {
            for name in stdio.env.keys() {
                let node = under(format!("env.{name}"));
                match hazard::of_variable(name, &config.api.unsafe_env) {
                    Hazard::None => {}
                    Hazard::Told => node.warn("decides which code the program loads"),
                    Hazard::Refused => node.note(
                        "has a program load other code, and is refused; leave it out, or have it \
                         added to `api.unsafeEnv`",
                    ),
                }
            }
            if hazard::is_shell(&stdio.program, &stdio.args) {
                under("command".to_owned()).warn("has its arguments read by a shell");
            }
        }
        Transport::Remote(remote) => {
            let allowed = &config.api.private_hosts;
            if network::is_allowed(network::host(&remote.url), allowed) {
                remote.reach = Reach::Anywhere;
            } else {
                remote.reach = Reach::Public;
            }
            if let Some(fault) = network::fault(&remote.url, allowed) {
                under("url".to_owned()).note(fault);
            }
        }
    }
}

/// Files and registrations put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The settings with every registration that can be a server.
    pub config: Config,
    /// The registrations that cannot.
    pub aside: Vec<Aside>,
}

/// A registration that makes no server, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Which.
    pub id: ServerId,
    /// What is wrong with it; at least one thing.
    pub problems: Vec<Problem>,
}

/// Puts `registrations` beside the servers of `files`. One that has the name of a server in a file,
/// or is not possible beside the rest, is left out and told.
#[must_use]
pub fn merged<'a>(
    files: &Config,
    registrations: impl IntoIterator<Item = &'a Registration>,
    decrypter: &Decrypter,
) -> Merged {
    let (mut config, mut aside) = (files.clone(), Vec::new());
    for registration in registrations {
        let (id, shown) = (&registration.id, shown(&registration.id));
        if files.servers.contains_key(id) {
            let message = "a settings file has a server of this name, too: rename it there, or \
                           remove the registration"
                .to_owned();
            let problems = vec![Problem { file: shown, key: String::new(), message }];
            aside.push(Aside { id: id.clone(), problems });
            continue;
        }
        match registration.read_spec(&shown, files, decrypter) {
            Ok((spec, _)) => drop(config.servers.insert(id.clone(), Arc::new(spec))),
            Err(error) => aside.push(Aside { id: id.clone(), problems: error.problems }),
        }
    }
    while let Some((id, fault)) = first_fault(files, &config) {
        config.servers.remove(&id);
        aside.push(Aside { id, problems: vec![fault] });
    }
    Merged { config, aside }
}

/// Has every server of these workspaces rest, as if it were disabled.
pub fn deactivate(config: &mut Config, inactive: &BTreeSet<WorkspaceName>) {
    for (id, spec) in &mut config.servers {
        if spec.enabled && inactive.contains(&id.workspace) {
            Arc::make_mut(spec).enabled = false;
        }
    }
}

/// What a kept registration is called in problems.
fn shown(id: &ServerId) -> String {
    format!("the registration of `{id}`")
}

/// A registration that breaks a rule between servers which the files alone keep.
fn first_fault(files: &Config, config: &Config) -> Option<(ServerId, Problem)> {
    let faults = validate::faults(config);
    let registered = || config.servers.keys().filter(|id| !files.servers.contains_key(id)).rev();
    faults.into_iter().find_map(|(key, message)| {
        let id = registered().find(|id| {
            let own = format!("mcpServers.{}", id.name);
            key.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })?;
        let own = format!("mcpServers.{}", id.name);
        let key = key.strip_prefix(&own).unwrap_or_default().trim_start_matches('.').to_owned();
        Some((id.clone(), Problem { file: shown(id), key, message }))
    })
}

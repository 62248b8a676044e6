//! This file loads settings: it puts the sources on top of each other and has every
//! section read and checked. It reads the named files and nothing else of the process,
//! and does not know whether it is the first time.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use figment::value::{Dict, Tag, Value};

use crate::{
    Config, ConfigError, DEFAULTS, LoadRequest, Problem, ServerDefaults, ServerId, ServerSpec,
    SocketView, State, clients, discover,
    document::{Format, parse},
    environment, keys,
    layer::{Layer, Layers, without_nulls},
    reader::{Context, Node, Table},
    sections, server, tuning, validate,
};

/// Loads settings from the defaults, files, environment and flags of the request, each
/// over the ones before it.
///
/// # Errors
/// If anything at all is wrong, with every problem found. Files that cannot be read or
/// parsed are reported first and alone.
pub fn load(request: &LoadRequest) -> Result<Config, ConfigError> {
    let files = discover::files(request);
    let (layers, mut warnings) = layered(&files, request)?;
    let servers_declared = declared(&layers);
    let layers = with_environment_and_flags(layers, request);

    let merged = Value::Dict(Tag::Default, layers.merged());
    let cx = Context::new(&layers, &request.env, &request.cwd, &request.decrypter);
    let config = read(&cx.root(&merged));
    warnings.append(&mut cx.warnings.borrow_mut());
    let secret_files = cx.secret_files.take();
    let problems = cx.problems.into_inner();
    match config {
        Some(config) if problems.is_empty() => {
            let sources = files.iter().map(|file| request.cwd.join(file)).collect();
            checked(Config { servers_declared, sources, secret_files, warnings, ..config }, &layers)
        }
        _ => Err(ConfigError::new(problems)),
    }
}

/// Only where state is kept, for those who look for a running daemon: what is wrong with
/// the rest of the settings, such as a variable that only the daemon has, does not matter.
///
/// # Errors
/// If a file cannot be read or parsed, or the state directory is not to be made out.
pub fn load_state(request: &LoadRequest) -> Result<State, ConfigError> {
    let (layers, _) = layered(&discover::files(request), request)?;
    let layers = with_environment_and_flags(layers, request);
    let merged = Value::Dict(Tag::Default, layers.merged());
    let cx = Context::new(&layers, &request.env, &request.cwd, &request.decrypter);
    let state = cx.root(&merged).table(keys::ROOT, foreign).and_then(|root| sections::state(&root));
    state.ok_or_else(|| ConfigError::new(cx.problems.into_inner()))
}

/// The defaults and the files, with what is to be said about them.
fn layered(files: &[PathBuf], request: &LoadRequest) -> Result<(Layers, Vec<String>), ConfigError> {
    let (mut layers, mut problems, mut warnings) = (Layers::default(), Vec::new(), Vec::new());
    let defaults = parse(DEFAULTS, Format::Toml).map(|dict| {
        layers.push(Layer { shown: "the built-in defaults".to_owned(), file: None, dict });
    });
    let problem = |file: String, message| Problem { file, key: String::new(), message };
    problems.extend(defaults.err().map(|message| problem("the built-in defaults".into(), message)));
    for file in files {
        let shown = file.display().to_string();
        match contents(&request.cwd.join(file)) {
            Ok(dict) => {
                let (dict, left_out) = clients::adopt(file, dict);
                if left_out > 0 {
                    warnings.push(format!("{shown}: {left_out} settings of its program ignored"));
                }
                let dict = without_nulls(dict);
                layers.push(Layer { shown, file: Some(request.cwd.join(file)), dict });
            }
            Err(message) => problems.push(problem(shown, message)),
        }
    }
    if problems.is_empty() { Ok((layers, warnings)) } else { Err(ConfigError::new(problems)) }
}

fn contents(path: &Path) -> Result<Dict, String> {
    let format = Format::of(path)
        .ok_or("is in no known format: a settings file ends in .toml, .json, .yaml or .yml")?;
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "does not exist".to_owned(),
        ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    parse(&text, format)
}

/// Whether a file has a table of servers. The defaults have none.
fn declared(layers: &Layers) -> bool {
    matches!(layers.merged().get("mcpServers"), Some(Value::Dict(..)))
}

fn with_environment_and_flags(mut layers: Layers, request: &LoadRequest) -> Layers {
    for layer in environment::layers(&request.env, &layers.merged()) {
        layers.push(layer);
    }
    let overrides = &request.overrides;
    let listen = overrides.listen.map(|address| address.to_string());
    let dir = overrides.state_dir.as_ref().map(|dir| request.cwd.join(dir).display().to_string());
    let format = overrides.log_format.map(|format| format.to_string());
    for (flag, section, key, text) in [
        ("--listen", "listen", "http", listen),
        ("--state-dir", "state", "dir", dir.map(|dir| dir.replace("${", "$${"))),
        ("--log-format", "log", "format", format),
    ] {
        let Some(text) = text else { continue };
        let inner = Dict::from([(key.to_owned(), Value::from(text))]);
        let dict = Dict::from([(section.to_owned(), Value::from(inner))]);
        layers.push(Layer { shown: format!("flag {flag}"), file: None, dict });
    }
    layers
}

fn read(root: &Node<'_>) -> Option<Config> {
    let root = root.table(keys::ROOT, foreign)?;
    let defaults = root.table("defaults", keys::DEFAULTS);
    let defaults = defaults.map(|table| tuning::read(&table, &tuning::UNREAD));
    let listen = sections::listen(&root);
    let state = sections::state(&root);
    if let Some(state) = &state {
        root.node.cx.state_dir.borrow_mut().clone_from(&state.dir);
    }
    let mut catalog = sections::catalog(&root);
    if let (Some(listen), Some(catalog)) = (&listen, &mut catalog) {
        catalog.export_styles.doors = listen.export_styles();
        for (name, socket) in &listen.sockets {
            if let SocketView::Own(view) = &socket.view {
                catalog.views.entry(name.clone()).or_insert_with(|| view.clone());
            }
        }
    }
    let calls = sections::calls(&root);
    let delegation = sections::delegation(&root);
    let log = sections::log(&root);
    let reload = sections::reload(&root);
    let auth = sections::auth(&root);
    let api = sections::api(&root);
    // With a section missing nothing comes out, but the servers' faults are told as well.
    let dir = state.as_ref().map(|state| state.dir.clone()).unwrap_or_default();
    let servers = servers(&root, defaults.as_ref().unwrap_or(&tuning::UNREAD), &dir);
    Some(Config {
        listen: listen?,
        state: state?,
        catalog: catalog?,
        calls: calls?,
        delegation: delegation?,
        log: log?,
        reload: reload?,
        auth: auth?,
        api: api?,
        defaults: defaults?,
        servers,
        servers_declared: false,
        sources: Vec::new(),
        secret_files: Default::default(),
        warnings: Vec::new(),
    })
}

fn foreign(key: &str, node: &Node<'_>) -> bool {
    if clients::is_root_key(key) {
        node.warn("a setting of another program, without effect here");
    } else if clients::SERVER_TABLES.contains(&key) {
        node.note(
            "unknown key; the table of servers is called `mcpServers` here: rename it, and see \
             default.toml for the keys of a server",
        );
    } else {
        return false;
    }
    true
}

fn servers(
    root: &Table<'_>,
    defaults: &ServerDefaults,
    state_dir: &Path,
) -> BTreeMap<ServerId, Arc<ServerSpec>> {
    let entries = root.any("mcpServers").and_then(|node| node.entries()).unwrap_or_default();
    let specs =
        entries.iter().filter_map(|(name, node)| server::read(name, node, defaults, state_dir));
    specs.map(|spec| (spec.id.clone(), Arc::new(spec))).collect()
}

/// The settings, unless they break a rule between keys.
fn checked(config: Config, layers: &Layers) -> Result<Config, ConfigError> {
    let merged = layers.merged();
    let problems = validate::faults(&config).into_iter().map(|(key, message)| {
        let file = layers.origin(nearest_tag(&merged, &key)).shown;
        Problem { file, key, message }
    });
    let problems: Vec<Problem> = problems.collect();
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    let doubts = validate::doubts(&config);
    let warnings = config.warnings.into_iter().chain(doubts).collect();
    Ok(Config { warnings, ..config })
}

/// The tag of the value at a path, or of the innermost table on the way that exists.
fn nearest_tag(merged: &Dict, path: &str) -> Tag {
    let (mut tag, mut dict) = (Tag::Default, Some(merged));
    for key in path.split('.') {
        let Some(value) = dict.and_then(|dict| dict.get(key)) else { break };
        tag = value.tag();
        dict = value.as_dict();
    }
    tag
}

//! This file reads every section of the settings but the servers.
//! It does not hold defaults: what is missing here is wrong, and has been noted.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use crate::{
    ApiSettings, AuthSettings, CallSettings, CatalogSettings, DelegationSettings, DelegatorLimit,
    ExportStyle, ExportStyles, Listen, LogFormat, LogSettings, NameError, Rate, ReloadSettings,
    ServerName, SocketSpec, SocketView, State, ViewMode, ViewSpec,
    keys::{
        API, AUTH, CALLS, CATALOG, CLIENT, DELEGATION, LIMIT, LISTEN, LOG, RELOAD, SOCKET, STATE,
        VIEW,
    },
    reader::{Node, Table},
    server,
    tuning::{self, MANY, TIME, WAIT},
};

/// `listen`
pub(crate) fn listen(root: &Table<'_>) -> Option<Listen> {
    let table = root.table("listen", LISTEN)?;
    Some(Listen {
        http: table.unless_off("http", address).flatten(),
        sockets: sockets(&table),
        unix: table.unless_off("unix", server::socket_path).flatten(),
        unix_mode: table.get("unixMode").and_then(|node| tuning::mode(&node)).unwrap_or_default(),
        unix_group: table.unless_off("unixGroup", tuning::group).flatten(),
        http_export_style: table.unless_off("httpExportStyle", Node::choice).flatten(),
        unix_export_style: table.unless_off("unixExportStyle", Node::choice).flatten(),
        allowed_hosts: texts(&table, "allowedHosts", host_fault),
        allowed_origins: texts(&table, "allowedOrigins", origin_fault),
        max_body: table.size("maxBody", 1 << 10..=1 << 30).unwrap_or_default(),
        max_connections: table.count("maxConnections", MANY).unwrap_or_default(),
        header_timeout: table.duration("headerTimeout", TIME).unwrap_or_default(),
        body_timeout: table.duration("bodyTimeout", TIME).unwrap_or_default(),
        session_idle: table.duration("sessionIdle", TIME).unwrap_or_default(),
        max_sessions: table.count("maxSessions", MANY).unwrap_or_default(),
    })
}

/// `listen.sockets`
fn sockets(listen: &Table<'_>) -> BTreeMap<String, SocketSpec> {
    let entries = listen.get("sockets").and_then(|node| node.entries()).unwrap_or_default();
    let sockets =
        entries.iter().filter_map(|(name, node)| Some(((*name).to_owned(), socket(name, node)?)));
    sockets.collect()
}

/// The mode of a socket that has none of its own.
const SOCKET_MODE: u32 = 0o660;

fn socket(name: &str, node: &Node<'_>) -> Option<SocketSpec> {
    if let Err(error) = name.parse::<ServerName>() {
        node.note(error.to_string());
    }
    let table = node.table(SOCKET, |_, _| false)?;
    let export_style = table.choice("exportStyle");
    let path = match table.get("path") {
        Some(node) => server::socket_path(&node),
        None => node.fail("has no `path`: say where the socket is to be"),
    };
    let mode = table.get("mode").map(|node| tuning::mode(&node));
    let group = table.unless_off("group", tuning::group).flatten();
    let uid = |node: &Node<'_>| node.count(0..=u64::from(u32::MAX));
    let uids = table.get("uids").and_then(|node| node.list());
    let uids = uids.map(|nodes| nodes.iter().filter_map(uid).collect());
    let view = match table.get("view") {
        Some(node) => SocketView::Named(named_view(&table, &node)?),
        None => SocketView::Own(view(&table)),
    };
    let (path, mode) = (path?, mode.unwrap_or(Some(SOCKET_MODE))?);
    Some(SocketSpec { path, mode, group, uids, view, export_style })
}

/// The name of a view, which says everything of what is shown.
fn named_view(socket: &Table<'_>, node: &Node<'_>) -> Option<String> {
    match ["workspace", "servers", "tools", "excludeTools"]
        .into_iter()
        .find_map(|key| socket.get(key))
    {
        Some(other) => {
            other.fail("stands beside `view`, which says all of it: leave one of them out")
        }
        None => node.text().map(str::to_owned),
    }
}

fn view(table: &Table<'_>) -> ViewSpec {
    let servers = table.texts("servers");
    ViewSpec {
        workspace: server::workspace(table),
        servers: servers.map(|nodes| nodes.iter().filter_map(server_name).collect()),
        tools: server::patterns(table, "tools"),
        exclude_tools: server::patterns(table, "excludeTools").unwrap_or_default(),
        export_style: None,
        mode: ViewMode::List,
    }
}

/// `catalog.views`
fn views(catalog: &Table<'_>) -> BTreeMap<String, ViewSpec> {
    let entries = catalog.get("views").and_then(|node| node.entries()).unwrap_or_default();
    let views = entries.iter().filter_map(|(name, node)| {
        if let Err(error) = name.parse::<ServerName>() {
            node.note(error.to_string());
        }
        let table = node.table(VIEW, |_, _| false)?;
        let export_style = table.choice("exportStyle");
        let mode = table.choice("mode").unwrap_or_default();
        Some(((*name).to_owned(), ViewSpec { export_style, mode, ..view(&table) }))
    });
    views.collect()
}

/// `catalog.clients`, whose names are those that clients give themselves.
fn clients(catalog: &Table<'_>) -> BTreeMap<String, ExportStyle> {
    let entries = catalog.get("clients").and_then(|node| node.entries()).unwrap_or_default();
    let styles = entries.iter().filter_map(|(name, node)| {
        let style = node.table(CLIENT, |_, _| false)?.choice("exportStyle")?;
        Some(((*name).to_owned(), style))
    });
    styles.collect()
}

fn server_name(node: &Node<'_>) -> Option<ServerName> {
    node.text()?.parse().map_or_else(|error: NameError| node.fail(error.to_string()), Some)
}

/// A loopback address and a port. Any other is refused as long as nobody who comes in
/// there could be asked who they are.
fn address(node: &Node<'_>) -> Option<SocketAddr> {
    let text = node.text()?;
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    match numeric.parse::<SocketAddr>() {
        Ok(address) if address.ip().to_canonical().is_loopback() => Some(address),
        Ok(address) => node.fail(format!(
            "{} is not a loopback address, and no authentication is configured for it: this \
             version has none, so anyone could call every tool; listen on 127.0.0.1 or [::1] \
             and put an authenticating proxy in front",
            address.ip()
        )),
        Err(_) => node.fail(format!(
            "must be an address and a port such as \"127.0.0.1:8722\", or \"off\", got {text:?}"
        )),
    }
}

fn texts(table: &Table<'_>, key: &str, fault: fn(&str) -> Option<&'static str>) -> Vec<String> {
    let nodes = table.texts(key).unwrap_or_default();
    let texts = nodes.iter().filter_map(|node| match fault(node.text()?) {
        Some(fault) => node.fail(fault),
        None => node.text().map(str::to_owned),
    });
    texts.collect()
}

fn host_fault(text: &str) -> Option<&'static str> {
    let odd = |c: char| c.is_whitespace() || matches!(c, '/' | '*' | '@');
    let wrong = text.is_empty() || text.contains(odd);
    wrong.then_some("must be a host such as \"tools.example\" or \"tools.example:8722\"")
}

fn origin_fault(text: &str) -> Option<&'static str> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let wrong = host.is_none_or(|host| host_fault(host).is_some());
    wrong.then_some(
        "must be an origin such as \"https://app.example\", with nothing behind the host",
    )
}

/// `state`
pub(crate) fn state(root: &Table<'_>) -> Option<State> {
    let dir = root.table("state", STATE)?.get("dir")?.path()?;
    Some(State { dir })
}

/// Separators that clients and the protocol let stand in the name of a tool.
const SEPARATORS: &[&str] = &[".", "__", "-", "/"];

/// `catalog`
pub(crate) fn catalog(root: &Table<'_>) -> Option<CatalogSettings> {
    let table = root.table("catalog", CATALOG)?;
    let separator = table.get("separator").and_then(|node| {
        let text = node.text()?;
        let known = SEPARATORS.contains(&text);
        let wrong = || node.fail(format!("must be one of {SEPARATORS:?}, got {text:?}"));
        if known { Some(text.to_owned()) } else { wrong() }
    });
    Some(CatalogSettings {
        ttl: table.duration("ttl", TIME).unwrap_or_default(),
        separator: separator.unwrap_or_default(),
        export_styles: ExportStyles {
            clients: clients(&table),
            ..ExportStyles::all(table.choice("exportStyle").unwrap_or(ExportStyle::Dot))
        },
        page_size: table.count("pageSize", 1..=100_000).unwrap_or_default(),
        views: views(&table),
    })
}

/// `calls`
pub(crate) fn calls(root: &Table<'_>) -> Option<CallSettings> {
    let table = root.table("calls", CALLS)?;
    Some(CallSettings {
        max_in_flight: table.count("maxInFlight", MANY).unwrap_or_default(),
        max_queued_per_server: table.count("maxQueuedPerServer", 0..=1_000_000).unwrap_or_default(),
        start_parallel: table.count("startParallel", 1..=1_000).unwrap_or_default(),
        shutdown_grace: table.duration("shutdownGrace", WAIT).unwrap_or_default(),
    })
}

/// `delegation`
pub(crate) fn delegation(root: &Table<'_>) -> Option<DelegationSettings> {
    const UNREAD: DelegatorLimit =
        DelegatorLimit { rate: Rate { count: 0, per: Duration::ZERO }, burst: 0, max_in_flight: 0 };
    let table = root.table("delegation", DELEGATION)?;
    let default_limit = match table.table("defaultLimit", LIMIT) {
        Some(table) => limit(&table, UNREAD),
        None => UNREAD,
    };
    let named = table.get("delegators").and_then(|node| node.entries()).unwrap_or_default();
    let delegators = named.iter().filter_map(|(name, node)| {
        if name.trim().is_empty() {
            return node.fail("a delegator needs a name");
        }
        let table = node.table(LIMIT, |_, _| false)?;
        Some(((*name).to_owned(), limit(&table, default_limit)))
    });
    Some(DelegationSettings { default_limit, delegators: delegators.collect() })
}

fn limit(table: &Table<'_>, base: DelegatorLimit) -> DelegatorLimit {
    let rate = table.get("rate").and_then(|node| match node.text()?.parse::<Rate>() {
        Ok(rate) => Some(rate),
        Err(error) => node.fail(error.to_string()),
    });
    DelegatorLimit {
        rate: rate.unwrap_or(base.rate),
        burst: table.count("burst", 1..=1_000_000).unwrap_or(base.burst),
        max_in_flight: table.count("maxInFlight", 0..=1_000_000).unwrap_or(base.max_in_flight),
    }
}

/// `log`
pub(crate) fn log(root: &Table<'_>) -> Option<LogSettings> {
    let table = root.table("log", LOG)?;
    let filter = table.get("filter").and_then(|node| match node.text()?.trim() {
        "" => node.fail("must be a level such as \"info\", got empty text"),
        text => Some(text.to_owned()),
    });
    Some(LogSettings {
        filter: filter.unwrap_or_default(),
        format: table.choice("format").unwrap_or(LogFormat::Text),
    })
}

/// `reload`
pub(crate) fn reload(root: &Table<'_>) -> Option<ReloadSettings> {
    let table = root.table("reload", RELOAD)?;
    Some(ReloadSettings {
        watch: table.flag("watch").unwrap_or_default(),
        rollback: table.flag("rollback").unwrap_or_default(),
    })
}

/// `auth`
pub(crate) fn auth(root: &Table<'_>) -> Option<AuthSettings> {
    let table = root.table("auth", AUTH)?;
    Some(AuthSettings {
        admin_token_file: table.unless_off("adminTokenFile", Node::path).flatten(),
    })
}

/// `api`
pub(crate) fn api(root: &Table<'_>) -> Option<ApiSettings> {
    let table = root.table("api", API)?;
    Some(ApiSettings {
        private_hosts: texts(&table, "privateHosts", private_host_fault),
        unsafe_env: texts(&table, "unsafeEnv", variable_fault),
    })
}

fn private_host_fault(text: &str) -> Option<&'static str> {
    if text == "*" { None } else { host_fault(text) }
}

fn variable_fault(text: &str) -> Option<&'static str> {
    let wrong = text.is_empty() || text.contains(['=', '\0', '*']);
    wrong.then_some("must be the name of a variable, such as \"NODE_OPTIONS\"")
}

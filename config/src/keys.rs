//! This file lists every key that settings have and the shape of its value.
//! It does not read values, nor hold their defaults.

use Shape::{Command, Count, Each, Flag, List, Table, Text, Texts};

/// A key and what stands under it.
pub(crate) struct Key {
    /// How it is written, in camel case.
    pub(crate) name: &'static str,
    /// What stands under it.
    pub(crate) shape: Shape,
}

/// The keys of a table, in groups so that tables can share some.
pub(crate) type Keys = &'static [&'static [Key]];

/// What stands under a key.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// A text, be it a word, a path, a duration or a size.
    Text,
    /// True or false.
    Flag,
    /// A whole number.
    Count,
    /// A list of texts.
    List,
    /// A text or a list of texts.
    Command,
    /// A table with these keys.
    Table(Keys),
    /// Tables with these keys under names that a person chose.
    Each(Keys),
    /// Texts under names that a person chose.
    Texts,
}

const fn key(name: &'static str, shape: Shape) -> Key {
    Key { name, shape }
}

/// The top level.
pub(crate) const ROOT: Keys = &[&[
    key("listen", Table(LISTEN)),
    key("state", Table(STATE)),
    key("catalog", Table(CATALOG)),
    key("calls", Table(CALLS)),
    key("delegation", Table(DELEGATION)),
    key("log", Table(LOG)),
    key("reload", Table(RELOAD)),
    key("auth", Table(AUTH)),
    key("api", Table(API)),
    key("defaults", Table(DEFAULTS)),
    key("mcpServers", Each(ENTRY)),
]];

/// `listen`
pub(crate) const LISTEN: Keys = &[&[
    key("http", Text),
    key("unix", Text),
    key("unixMode", Text),
    key("unixGroup", Text),
    key("httpExportStyle", Text),
    key("unixExportStyle", Text),
    key("allowedHosts", List),
    key("allowedOrigins", List),
    key("maxBody", Text),
    key("maxConnections", Count),
    key("headerTimeout", Text),
    key("bodyTimeout", Text),
    key("sessionIdle", Text),
    key("maxSessions", Count),
    key("sockets", Each(SOCKET)),
]];

/// `listen.sockets.NAME`
pub(crate) const SOCKET: Keys = &[&[
    key("path", Text),
    key("mode", Text),
    key("group", Text),
    key("uids", List),
    key("view", Text),
    key("workspace", Text),
    key("servers", List),
    key("tools", List),
    key("excludeTools", List),
    key("exportStyle", Text),
]];

/// `state`
pub(crate) const STATE: Keys = &[&[key("dir", Text)]];

/// `catalog`
pub(crate) const CATALOG: Keys = &[&[
    key("ttl", Text),
    key("separator", Text),
    key("exportStyle", Text),
    key("pageSize", Count),
    key("views", Each(VIEW)),
    key("clients", Each(CLIENT)),
]];

/// `catalog.views.NAME`
pub(crate) const VIEW: Keys = &[&[
    key("workspace", Text),
    key("servers", List),
    key("tools", List),
    key("excludeTools", List),
    key("exportStyle", Text),
    key("mode", Text),
]];

/// `catalog.clients.NAME`
pub(crate) const CLIENT: Keys = &[&[key("exportStyle", Text)]];

/// `calls`
pub(crate) const CALLS: Keys = &[&[
    key("maxInFlight", Count),
    key("maxQueuedPerServer", Count),
    key("startParallel", Count),
    key("shutdownGrace", Text),
]];

/// `delegation`
pub(crate) const DELEGATION: Keys =
    &[&[key("defaultLimit", Table(LIMIT)), key("delegators", Each(LIMIT))]];

/// `delegation.defaultLimit` and `delegation.delegators.NAME`
pub(crate) const LIMIT: Keys =
    &[&[key("rate", Text), key("burst", Count), key("maxInFlight", Count)]];

/// `log`
pub(crate) const LOG: Keys = &[&[key("filter", Text), key("format", Text)]];

/// `reload`
pub(crate) const RELOAD: Keys = &[&[key("watch", Flag), key("rollback", Flag)]];

/// `auth`
pub(crate) const AUTH: Keys = &[&[key("adminTokenFile", Text)]];

/// `api`
pub(crate) const API: Keys = &[&[key("privateHosts", List), key("unsafeEnv", List)]];

/// `defaults`
pub(crate) const DEFAULTS: Keys = &[SHARED];

/// `mcpServers.NAME`
pub(crate) const ENTRY: Keys = &[OWN, SHARED, BORROWED];

/// What stands both under `defaults` and with a server.
const SHARED: &[Key] = &[
    key("start", Text),
    key("idleStop", Text),
    key("restart", Text),
    key("pins", Text),
    key("validateArguments", List),
    key("sanitize", Table(SANITIZE)),
    key("startupTimeout", Text),
    key("timeout", Text),
    key("maxInFlight", Count),
    key("heartbeat", Table(HEARTBEAT)),
    key("backoff", Table(BACKOFF)),
    key("restarts", Table(RESTARTS)),
    key("stop", Table(STOP)),
    key("limits", Table(LIMITS)),
    key("restartAbove", Table(RESTART_ABOVE)),
    key("isolation", Text),
    key("instances", Table(INSTANCES)),
    key("stableAfter", Text),
    key("retryFailed", Text),
    key("maxLine", Text),
    key("protocol", Text),
    key("socketMode", Text),
    key("socketGroup", Text),
];

/// What stands with a server only.
const OWN: &[Key] = &[
    key("command", Command),
    key("args", List),
    key("env", Texts),
    key("envFile", Text),
    key("cwd", Text),
    key("type", Text),
    key("url", Text),
    key("headers", Texts),
    key("enabled", Flag),
    key("disabled", Flag),
    key("required", Flag),
    key("description", Text),
    key("includeTools", List),
    key("excludeTools", List),
    key("safeToRepeat", List),
    key("toolDescriptions", Texts),
    key("socket", Text),
    key("workspace", Text),
];

/// What clients' files call keys of ours.
const BORROWED: &[Key] = &[
    key("transport", Text),
    key("serverUrl", Text),
    key("httpUrl", Text),
    key("tools", List),
    key("disabledTools", List),
];

/// `sanitize`
pub(crate) const SANITIZE: Keys = &[&[
    key("limits", Text),
    key("schema", Text),
    key("characters", Text),
    key("hiddenText", Text),
    key("disguise", Text),
    key("unknownMembers", Text),
    key("overtOrders", Text),
    key("chatTokens", Text),
    key("markup", Text),
    key("secrets", Text),
    key("concealment", Text),
    key("forcedCalls", Text),
    key("collection", Text),
    key("otherServers", Text),
    key("preference", Text),
    key("execution", Text),
]];

/// `heartbeat`
pub(crate) const HEARTBEAT: Keys =
    &[&[key("interval", Text), key("timeout", Text), key("misses", Count)]];

/// `backoff`
pub(crate) const BACKOFF: Keys = &[&[key("min", Text), key("max", Text)]];

/// `restarts`
pub(crate) const RESTARTS: Keys = &[&[key("max", Count), key("window", Text)]];

/// `stop`
pub(crate) const STOP: Keys = &[&[key("stdinGrace", Text), key("termGrace", Text)]];

/// `limits`
pub(crate) const LIMITS: Keys = &[&[
    key("openFiles", Count),
    key("processes", Count),
    key("addressSpace", Text),
    key("cpuTime", Text),
    key("coreFile", Text),
]];

/// `restartAbove`
pub(crate) const RESTART_ABOVE: Keys =
    &[&[key("memory", Text), key("cpu", Count), key("for", Text)]];

/// `instances`
pub(crate) const INSTANCES: Keys = &[&[key("max", Count), key("idle", Text)]];

/// The key of this name.
pub(crate) fn find(keys: Keys, name: &str) -> Option<&'static Key> {
    keys.iter().copied().flatten().find(|key| key.name == name)
}

/// All names of a table.
pub(crate) fn names(keys: Keys) -> Vec<&'static str> {
    keys.iter().copied().flatten().map(|key| key.name).collect()
}

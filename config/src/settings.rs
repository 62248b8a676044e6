//! This file says what all the settings are once they have been checked.
//! It does not read them: whoever holds a `Config` need not look twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use crate::{
    ExportStyle, ExportStyles, Group, Rate, ServerDefaults, ServerId, ServerSpec, ViewSpec,
    spec::{Choice, choice},
};

/// All settings, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where agents come in.
    pub listen: Listen,
    /// Where the daemon keeps what it must not forget.
    pub state: State,
    /// The merged list of tools.
    pub catalog: CatalogSettings,
    /// Limits of calls and of the daemon as a whole.
    pub calls: CallSettings,
    /// Who may delegate, and how much.
    pub delegation: DelegationSettings,
    /// What is logged.
    pub log: LogSettings,
    /// When settings are read again.
    pub reload: ReloadSettings,
    /// Who may look after the daemon over HTTP.
    pub auth: AuthSettings,
    /// What may be registered while the daemon runs.
    pub api: ApiSettings,
    /// What holds for a server that does not say otherwise.
    pub defaults: ServerDefaults,
    /// The servers, the disabled ones too.
    pub servers: BTreeMap<ServerId, Arc<ServerSpec>>,
    /// Whether some file has a table of servers, be it an empty one. A reload that
    /// finds none looks at a damaged file rather than at the wish to stop everything.
    pub servers_declared: bool,
    /// The files that were read, the later ones winning.
    pub sources: Vec<PathBuf>,
    /// Files of secrets that entries took something from.
    pub secret_files: BTreeSet<PathBuf>,
    /// What was accepted but has no effect, or may surprise; a sentence each.
    pub warnings: Vec<String>,
}

/// Where agents come in, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The HTTP door; port 0 means any free one; none means no such door.
    pub http: Option<SocketAddr>,
    /// The Unix socket of the merged namespace; none means no such door.
    pub unix: Option<PathBuf>,
    /// The mode of that socket, such as `0o660`.
    pub unix_mode: u32,
    /// The group that socket belongs to; none means that of the daemon.
    pub unix_group: Option<Group>,
    /// How names are written at the HTTP door; none means as elsewhere.
    pub http_export_style: Option<ExportStyle>,
    /// The same at that socket.
    pub unix_export_style: Option<ExportStyle>,
    /// Further Unix sockets, by name, each with a part of the tools.
    pub sockets: BTreeMap<String, SocketSpec>,
    /// Values of `Host` accepted beside the loopback names.
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` accepted beside the loopback ones.
    pub allowed_origins: Vec<String>,
    /// The largest request body, in bytes.
    pub max_body: u64,
    /// Open connections, at most; at least 1.
    pub max_connections: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// A session unused this long is forgotten.
    pub session_idle: Duration,
    /// Sessions, at most; at least 1.
    pub max_sessions: usize,
}

impl Listen {
    /// How names are written at doors that have their own way, by the keys of their settings.
    pub(crate) fn export_styles(&self) -> BTreeMap<String, ExportStyle> {
        let http = self.http_export_style.map(|style| ("listen.http".to_owned(), style));
        let unix = self.unix_export_style.map(|style| ("listen.unix".to_owned(), style));
        let sockets = self.sockets.iter().filter_map(|(name, socket)| {
            Some((format!("listen.sockets.{name}"), socket.export_style?))
        });
        http.into_iter().chain(unix).chain(sockets).collect()
    }
}

/// A Unix socket with a part of the tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketSpec {
    /// Where it is.
    pub path: PathBuf,
    /// Its mode, such as `0o660`.
    pub mode: u32,
    /// The group it belongs to; none means that of the daemon.
    pub group: Option<Group>,
    /// The users who may come in; whoever the mode lets in if there is no list.
    pub uids: Option<BTreeSet<u32>>,
    /// What it shows.
    pub view: SocketView,
    /// How names are written there; none means as its view says.
    pub export_style: Option<ExportStyle>,
}

/// What a socket shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketView {
    /// A part of its own. The merged list knows it by the name of the socket.
    Own(ViewSpec),
    /// The part of this name among `catalog.views`.
    Named(String),
}

/// Where the daemon keeps what it must not forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The directory of store, sockets, keys and lock; absolute.
    pub dir: PathBuf,
}

/// The merged list of tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogSettings {
    /// How long a server's list is taken for fresh.
    pub ttl: Duration,
    /// What stands between server and tool; no server's name contains it.
    pub separator: String,
    /// How names are written, and for whom otherwise.
    pub export_styles: ExportStyles,
    /// Entries of one page of a list, at least 1.
    pub page_size: usize,
    /// Parts of workspaces that have names: those given here, and those of `listen.sockets`.
    pub views: BTreeMap<String, ViewSpec>,
}

impl CatalogSettings {
    /// Whether somebody is shown names in another form than the usual one.
    #[must_use]
    pub fn has_other_style(&self) -> bool {
        let mut views = self.views.values().filter_map(|view| view.export_style);
        self.export_styles.are_mixed() || views.any(|style| style != self.export_styles.usual)
    }
}

/// Limits of calls and of the daemon as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSettings {
    /// Calls in flight over all servers, at most; at least 1.
    pub max_in_flight: usize,
    /// Calls that wait for one server that is coming up, at most.
    pub max_queued_per_server: usize,
    /// Servers started at the same time, at most; at least 1.
    pub start_parallel: usize,
    /// How long running calls get to end when the daemon stops.
    pub shutdown_grace: Duration,
}

/// Who may delegate, and how much.
#[derive(Debug, Clone, PartialEq)]
pub struct DelegationSettings {
    /// The limit of a delegator without one of its own.
    pub default_limit: DelegatorLimit,
    /// Limits by the delegator's verified identity.
    pub delegators: BTreeMap<String, DelegatorLimit>,
}

impl DelegationSettings {
    /// The limit that holds for this delegator.
    #[must_use]
    pub fn limit(&self, delegator: &str) -> &DelegatorLimit {
        self.delegators.get(delegator).unwrap_or(&self.default_limit)
    }
}

/// How much one delegator may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelegatorLimit {
    /// Calls over time; a rate of none refuses every call.
    pub rate: Rate,
    /// Calls that may come at once, at least 1.
    pub burst: u32,
    /// Calls in flight, at most.
    pub max_in_flight: usize,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A level, or directives such as `info,conductor_actors=debug`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// When settings are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReloadSettings {
    /// Whether a change of the settings files is enough, with nobody asking.
    pub watch: bool,
    /// Whether a server that does not come up with changed settings goes on with its former ones.
    pub rollback: bool,
}

/// Who may look after the daemon over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// The file with the token; none means `admin.token` in the state directory.
    pub admin_token_file: Option<PathBuf>,
}

/// What may be registered while the daemon runs, beyond what harms nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiSettings {
    /// Hosts that a URL may lead to although they are inside, as written in it; `*` for all.
    pub private_hosts: Vec<String>,
    /// Variables that a server may be given although they change what a program does.
    pub unsafe_env: Vec<String>,
}

choice! {
    /// How a line of the log looks.
    LogFormat {
        /// For people.
        Text = "text",
        /// For machines, an object a line.
        Json = "json",
    }
}

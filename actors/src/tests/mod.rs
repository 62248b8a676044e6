//! This folder holds what tests of several parts share: settings that are easy to vary.
//! Stand-ins for servers are in `server/downstream/tests_peer.rs`.

mod pool;
mod server;
mod system;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conductor_config::{
    Backoff, CallSettings, CatalogSettings, Config, Danger, DelegationSettings, DelegatorLimit,
    ExportStyle, ExportStyles, Heartbeat, Instances, Isolation, Limits, Listen, LogFormat,
    LogSettings, Measure, Patterns, PinPolicy, ProtocolMode, Rate, ReloadSettings, RestartAbove,
    RestartPolicy, Restarts, Sanitize, ServerDefaults, ServerId, ServerSpec, StartMode, State,
    StdioSpec, StopGrace, Transport,
};

use crate::model::{Holder, InstanceId};

/// A server of the default workspace.
pub(crate) fn id(name: &str) -> ServerId {
    ServerId { workspace: "default".parse().unwrap(), name: name.parse().unwrap() }
}

/// What all callers of a server of the default workspace share.
pub(crate) fn shared(name: &str) -> InstanceId {
    InstanceId::new(id(name), Holder::Everybody)
}

/// A server with settings as they are used in practice; its program does not exist.
pub(crate) fn spec(name: &str) -> ServerSpec {
    let defaults = defaults();
    ServerSpec {
        id: id(name),
        origin: conductor_config::Origin::File,
        transport: Transport::Stdio(StdioSpec {
            program: "no-such-program".to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
        }),
        description: None,
        enabled: true,
        required: false,
        include_tools: Patterns::NONE,
        exclude_tools: Patterns::NONE,
        tool_descriptions: BTreeMap::new(),
        safe_to_repeat: Patterns::NONE,
        validate_arguments: Patterns::NONE,
        sanitize: sanitize(),
        start: defaults.start,
        idle_stop: defaults.idle_stop,
        restart: defaults.restart,
        pins: defaults.pins,
        startup_timeout: defaults.startup_timeout,
        timeout: defaults.timeout,
        max_in_flight: defaults.max_in_flight,
        heartbeat: defaults.heartbeat,
        backoff: defaults.backoff,
        restarts: defaults.restarts,
        stop: defaults.stop,
        limits: defaults.limits,
        restart_above: defaults.restart_above,
        isolation: defaults.isolation,
        instances: defaults.instances,
        stable_after: defaults.stable_after,
        retry_failed: defaults.retry_failed,
        max_line: defaults.max_line,
        protocol: defaults.protocol,
        socket: "socket".into(),
        socket_mode: defaults.socket_mode,
        socket_group: defaults.socket_group,
    }
}

/// A server that runs `program` with `args`.
pub(crate) fn child(name: &str, program: &str, args: &[&str]) -> ServerSpec {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let program = program.to_owned();
    let transport = Transport::Stdio(StdioSpec { program, args, env: BTreeMap::new(), cwd: None });
    ServerSpec { transport, ..spec(name) }
}

/// The settings of the merged list.
pub(crate) fn catalog() -> CatalogSettings {
    CatalogSettings {
        ttl: Duration::from_secs(300),
        separator: ".".to_owned(),
        export_styles: ExportStyles::all(ExportStyle::Dot),
        views: BTreeMap::new(),
        page_size: 1000,
    }
}

/// All settings, for `servers` and with state in `dir`.
pub(crate) fn config(dir: &Path, servers: Vec<ServerSpec>) -> Arc<Config> {
    let rate = Rate { count: 10, per: Duration::from_secs(1) };
    Arc::new(Config {
        listen: Listen {
            http: None,
            unix: None,
            unix_mode: 0o660,
            unix_group: None,
            http_export_style: None,
            unix_export_style: None,
            sockets: BTreeMap::new(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            max_body: 4 << 20,
            max_connections: 64,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            session_idle: Duration::from_secs(3600),
            max_sessions: 64,
        },
        state: State { dir: dir.to_owned() },
        catalog: catalog(),
        calls: CallSettings {
            max_in_flight: 64,
            max_queued_per_server: 16,
            start_parallel: 4,
            shutdown_grace: Duration::from_secs(10),
        },
        delegation: DelegationSettings {
            default_limit: DelegatorLimit { rate, burst: 20, max_in_flight: 16 },
            delegators: BTreeMap::new(),
        },
        log: LogSettings { filter: "info".to_owned(), format: LogFormat::Text },
        reload: ReloadSettings { watch: false, rollback: false },
        auth: conductor_config::AuthSettings { admin_token_file: None },
        api: conductor_config::ApiSettings::default(),
        defaults: defaults(),
        servers: servers.into_iter().map(|spec| (spec.id.clone(), Arc::new(spec))).collect(),
        servers_declared: true,
        sources: Vec::new(),
        secret_files: Default::default(),
        warnings: Vec::new(),
    })
}

/// What the manual says of hostile definitions.
fn sanitize() -> Sanitize {
    Sanitize::default()
        .with(Danger::Characters, Measure::Strip)
        .with(Danger::Unknown, Measure::Strip)
}

fn defaults() -> ServerDefaults {
    ServerDefaults {
        start: StartMode::Eager,
        idle_stop: None,
        restart: RestartPolicy::OnFailure,
        validate_arguments: Patterns::NONE,
        sanitize: sanitize(),
        pins: PinPolicy::Warn,
        startup_timeout: Duration::from_secs(60),
        timeout: Duration::from_secs(60),
        max_in_flight: 64,
        heartbeat: Heartbeat {
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(5),
            misses: 3,
        },
        backoff: Backoff { min: Duration::from_secs(1), max: Duration::from_secs(60) },
        restarts: Restarts { max: 5, window: Duration::from_secs(300) },
        stop: StopGrace { stdin_grace: Duration::from_secs(2), term_grace: Duration::from_secs(3) },
        limits: Limits::default(),
        isolation: Isolation::Shared,
        instances: Instances { max: 4, idle: Duration::from_secs(600) },
        restart_above: RestartAbove { memory: None, cpu: None, lasting: Duration::from_secs(30) },
        stable_after: Duration::from_secs(60),
        retry_failed: Duration::from_secs(600),
        max_line: 1 << 20,
        protocol: ProtocolMode::Auto,
        socket_mode: 0o660,
        socket_group: None,
    }
}

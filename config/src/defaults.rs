//! This file names the settings that hold for every server unless it says otherwise.
//! It does not hold their values: those stand in `default.toml`.

use std::time::Duration;

use crate::{
    Backoff, Group, Heartbeat, Instances, Isolation, Limits, Patterns, PinPolicy, ProtocolMode,
    RestartAbove, RestartPolicy, Restarts, Sanitize, StartMode, StopGrace,
};

/// What holds for a server that does not say otherwise; the fields are those of
/// [`crate::ServerSpec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerDefaults {
    /// When it is started.
    pub start: StartMode,
    /// How long it may be unused before it is stopped; none means never.
    pub idle_stop: Option<Duration>,
    /// Whether it is started again after it ended.
    pub restart: RestartPolicy,
    /// What follows when a tool is not as it was approved.
    pub pins: PinPolicy,
    /// Patterns of tools whose arguments are checked against their schemas before a call is sent.
    pub validate_arguments: Patterns,
    /// What is done about what is found in its definitions.
    pub sanitize: Sanitize,
    /// From its start to the answer of its handshake, at most.
    pub startup_timeout: Duration,
    /// The deadline of one call.
    pub timeout: Duration,
    /// How many calls it is given at once, at least 1.
    pub max_in_flight: usize,
    /// How it is asked whether it is alive.
    pub heartbeat: Heartbeat,
    /// How long to wait between restarts.
    pub backoff: Backoff,
    /// How many restarts are too many.
    pub restarts: Restarts,
    /// How much time it gets to end.
    pub stop: StopGrace,
    /// What each of its processes may take of the machine.
    pub limits: Limits,
    /// How much it may use before it is replaced.
    pub restart_above: RestartAbove,
    /// Who shares a process of it.
    pub isolation: Isolation,
    /// How many it may have if it is not shared.
    pub instances: Instances,
    /// After running this long the back-off begins anew.
    pub stable_after: Duration,
    /// How often a server that was given up is tried once more.
    pub retry_failed: Duration,
    /// The longest line it may write, in bytes.
    pub max_line: u64,
    /// Which generation of the protocol it is spoken to in.
    pub protocol: ProtocolMode,
    /// The mode of its socket, such as `0o660`.
    pub socket_mode: u32,
    /// The group its socket belongs to; none means that of the daemon.
    pub socket_group: Option<Group>,
}

//! This file reads the keys that stand both under `defaults` and with a server.
//! It does not read what only a server has, nor hold the defaults themselves.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    Backoff, Group, Heartbeat, Instances, Isolation, Limits, Patterns, PinPolicy, ProtocolMode,
    RestartAbove, RestartPolicy, Restarts, Sanitize, ServerDefaults, StartMode, StopGrace, clients,
    document, isolation,
    keys::{BACKOFF, HEARTBEAT, RESTARTS, STOP},
    limits,
    reader::{Node, Table},
    sanitize,
    server::patterns,
};

/// A wait that may be none.
pub(crate) const WAIT: RangeInclusive<Duration> = Duration::ZERO..=DAY;
/// A time that must pass.
pub(crate) const TIME: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
/// As many as may be at once.
pub(crate) const MANY: RangeInclusive<u64> = 1..=1_000_000;

const DAY: Duration = Duration::from_secs(86_400);
const LINE: RangeInclusive<u64> = 1 << 10..=1 << 30;

/// What stands in for a value until `default.toml` has been read, and for one that is
/// wrong, in which case no settings come out at all.
pub(crate) const UNREAD: ServerDefaults = ServerDefaults {
    start: StartMode::Eager,
    idle_stop: None,
    restart: RestartPolicy::OnFailure,
    pins: PinPolicy::Warn,
    validate_arguments: Patterns::NONE,
    sanitize: Sanitize::UNREAD,
    startup_timeout: Duration::ZERO,
    timeout: Duration::ZERO,
    max_in_flight: 0,
    heartbeat: Heartbeat { interval: Duration::ZERO, timeout: Duration::ZERO, misses: 0 },
    backoff: Backoff { min: Duration::ZERO, max: Duration::ZERO },
    restarts: Restarts { max: 0, window: Duration::ZERO },
    stop: StopGrace { stdin_grace: Duration::ZERO, term_grace: Duration::ZERO },
    limits: Limits {
        open_files: None,
        processes: None,
        address_space: None,
        cpu_time: None,
        core_file: 0,
    },
    restart_above: RestartAbove::UNREAD,
    isolation: Isolation::Shared,
    instances: Instances::UNREAD,
    stable_after: Duration::ZERO,
    retry_failed: Duration::ZERO,
    max_line: 0,
    protocol: ProtocolMode::Auto,
    socket_mode: 0,
    socket_group: None,
};

/// What the table says, and `base` where it says nothing.
pub(crate) fn read(table: &Table<'_>, base: &ServerDefaults) -> ServerDefaults {
    ServerDefaults {
        start: table.choice("start").unwrap_or(base.start),
        idle_stop: table
            .unless_off("idleStop", |node| node.duration(TIME))
            .unwrap_or(base.idle_stop),
        restart: table.choice("restart").unwrap_or(base.restart),
        pins: table.choice("pins").unwrap_or(base.pins),
        validate_arguments: patterns(table, "validateArguments")
            .unwrap_or_else(|| base.validate_arguments.clone()),
        sanitize: sanitize::read(table, base.sanitize),
        startup_timeout: table.duration("startupTimeout", TIME).unwrap_or(base.startup_timeout),
        timeout: table.get("timeout").and_then(timeout).unwrap_or(base.timeout),
        max_in_flight: table.count("maxInFlight", MANY).unwrap_or(base.max_in_flight),
        heartbeat: heartbeat(table, base.heartbeat),
        backoff: backoff(table, base.backoff),
        restarts: restarts(table, base.restarts),
        stop: stop(table, base.stop),
        limits: limits::limits(table, base.limits),
        restart_above: limits::restart_above(table, base.restart_above),
        isolation: table.choice("isolation").unwrap_or(base.isolation),
        instances: isolation::instances(table, base.instances),
        stable_after: table.duration("stableAfter", TIME).unwrap_or(base.stable_after),
        retry_failed: table.duration("retryFailed", TIME).unwrap_or(base.retry_failed),
        max_line: table.size("maxLine", LINE).unwrap_or(base.max_line),
        protocol: table.choice("protocol").unwrap_or(base.protocol),
        socket_mode: table
            .get("socketMode")
            .and_then(|node| mode(&node))
            .unwrap_or(base.socket_mode),
        socket_group: table
            .unless_off("socketGroup", group)
            .unwrap_or_else(|| base.socket_group.clone()),
    }
}

/// A duration; or a bare number in a file of a client whose unit is known. A bare number
/// in another JSON file may be seconds or milliseconds, so it has no effect.
fn timeout(node: Node<'_>) -> Option<Duration> {
    let number = document::whole(node.value);
    let file = node.origin().file.filter(|file| file.extension().is_some_and(|e| e == "json"));
    let (Some(number), Some(file)) = (number, file) else { return node.duration(TIME) };
    let Some(client) = clients::by_file(file) else {
        node.warn("a number without a unit, ignored; write \"30s\" or \"500ms\"");
        return None;
    };
    let timeout = Duration::from_millis(number.saturating_mul(client.timeout_millis));
    if TIME.contains(&timeout) {
        Some(timeout)
    } else {
        node.fail("must be above 0 and within a day")
    }
}

fn heartbeat(table: &Table<'_>, base: Heartbeat) -> Heartbeat {
    let Some(table) = table.table("heartbeat", HEARTBEAT) else { return base };
    Heartbeat {
        interval: table.duration("interval", TIME).unwrap_or(base.interval),
        timeout: table.duration("timeout", TIME).unwrap_or(base.timeout),
        misses: table.count("misses", 1..=1_000).unwrap_or(base.misses),
    }
}

fn backoff(table: &Table<'_>, base: Backoff) -> Backoff {
    let Some(table) = table.table("backoff", BACKOFF) else { return base };
    let min = table.duration("min", TIME).unwrap_or(base.min);
    let max = table.duration("max", TIME).unwrap_or(base.max);
    if min > max && max > Duration::ZERO {
        let [min, max] = [min, max].map(crate::format_duration);
        table.node.note(format!("min ({min}) must not be above max ({max})"));
    }
    Backoff { min, max }
}

fn restarts(table: &Table<'_>, base: Restarts) -> Restarts {
    let Some(table) = table.table("restarts", RESTARTS) else { return base };
    Restarts {
        max: table.count("max", 0..=1_000_000).unwrap_or(base.max),
        window: table.duration("window", TIME).unwrap_or(base.window),
    }
}

fn stop(table: &Table<'_>, base: StopGrace) -> StopGrace {
    let Some(table) = table.table("stop", STOP) else { return base };
    StopGrace {
        stdin_grace: table.duration("stdinGrace", WAIT).unwrap_or(base.stdin_grace),
        term_grace: table.duration("termGrace", WAIT).unwrap_or(base.term_grace),
    }
}

/// The mode of a file, octal, as text: a number would be taken for a decimal one.
pub(crate) fn mode(node: &Node<'_>) -> Option<u32> {
    let text = node.text()?;
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o777 && mode & 0o600 == 0o600 && !digits.starts_with('+') => Some(mode),
        _ => node.fail(format!(
            "must be an octal mode that lets the owner read and write, such as \"0660\", got {text:?}"
        )),
    }
}

/// A group, by name or by number; a number may stand without quotes.
pub(crate) fn group(node: &Node<'_>) -> Option<Group> {
    if let Some(number) = document::whole(node.value) {
        return match u32::try_from(number).map(Group::number) {
            Ok(Some(group)) => Some(group),
            Ok(None) | Err(_) => node.fail("is no number of a group"),
        };
    }
    match node.text()?.parse() {
        Ok(group) => Some(group),
        Err(error) => node.fail(format!("{error}")),
    }
}

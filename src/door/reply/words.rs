//! This file words causes and waits for agents, and makes foreign text fit to be shown.
//!
//! Pure. Nothing it says names a path, a setting's value or a machine.

use std::time::Duration;

use conductor_actors::{Cause, ServerState};

/// Longest foreign text shown, in characters.
const SHOWN: usize = 300;

/// `text` on one line without characters that a terminal or a log would obey, cut to a length
/// that fits an error.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| !is_control(*c)).take(SHOWN + 1).collect();
    if shown.chars().count() > SHOWN {
        shown = shown.chars().take(SHOWN).collect();
        shown.push('…');
    }
    shown
}

/// Characters that change how what follows is shown: controls, and marks of direction.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// What happened to a server, to stand behind "it".
pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Exited(code) => format!("exited with code {code}"),
        Cause::Signalled(number) => match signal(*number) {
            Some(name) => format!("was killed by signal {number} ({name})"),
            None => format!("was killed by signal {number}"),
        },
        Cause::Spawn(_) => "could not be started".to_owned(),
        Cause::Shortage(_) => "could not be started for want of resources".to_owned(),
        Cause::Handshake(_) => "did not complete the MCP handshake".to_owned(),
        Cause::StartTimeout(limit) => format!("was not ready within {}", wait(*limit)),
        Cause::OutputClosed => "closed its output".to_owned(),
        Cause::InputStuck => "stopped reading its input".to_owned(),
        Cause::EndlessLine(limit) => format!("wrote a line of more than {limit} bytes"),
        Cause::Silent(silence) => format!("answered no heartbeat for {}", wait(*silence)),
        Cause::Actor(_) => "was lost to a fault of the gateway".to_owned(),
        Cause::Unreachable(_) => "could not be reached".to_owned(),
        Cause::Denied(_) => "refused access".to_owned(),
        Cause::Throttled(pause) => format!("wants no requests for {}", wait(*pause)),
        Cause::MemoryExceeded { .. } | Cause::CpuExceeded { .. } => cause.to_string(),
        Cause::Asked => "was stopped on request".to_owned(),
    }
}

/// What a server that takes no calls is doing, to stand behind "it".
pub(super) fn state(state: ServerState) -> &'static str {
    match state {
        ServerState::Stopped => "is stopped",
        ServerState::Starting => "is starting",
        ServerState::Running | ServerState::Degraded => "has just come up",
        ServerState::Backoff => "waits to be restarted",
        ServerState::Failed => "failed too often and rests",
        ServerState::Draining => "is being stopped",
    }
}

/// A duration in words.
pub(super) fn wait(wait: Duration) -> String {
    let millis = wait.as_millis();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..120_000 => format!("{} s", millis.div_ceil(1_000)),
        _ => format!("{} min", millis.div_ceil(60_000)),
    }
}

fn signal(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_bounded_line() {
        assert_eq!(printable("a\nb\u{1b}[31mc\u{202e}d\u{0}"), "ab[31mcd");
        assert_eq!(printable("é漢"), "é漢");
        assert_eq!(printable(&"x".repeat(300)).chars().count(), 300);
        assert_eq!(printable(&"x".repeat(5_000)).chars().count(), 301);
    }

    #[test]
    fn waits_read_naturally() {
        let cases = [(0, "0 ms"), (999, "999 ms"), (1_001, "2 s"), (119_000, "119 s")];
        for (millis, expected) in cases {
            assert_eq!(wait(Duration::from_millis(millis)), expected);
        }
        assert_eq!(wait(Duration::from_secs(300)), "5 min");
    }

    #[test]
    fn no_cause_shows_what_the_system_said() {
        let secret = "/home/someone/.token";
        for told in [
            Cause::Spawn(secret.into()),
            Cause::Handshake(secret.into()),
            Cause::Actor(secret.into()),
        ] {
            assert!(!cause(&told).contains("someone"), "{told:?}");
        }
        assert_eq!(cause(&Cause::Signalled(9)), "was killed by signal 9 (SIGKILL)");
    }
}

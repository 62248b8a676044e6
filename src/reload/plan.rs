//! This file says what new settings change, what of them has to wait for the next start, and when
//! they look damaged rather than meant.
//!
//! Pure. What a change means for one server is decided in `conductor-config`.

use std::path::PathBuf;

use conductor_config::diff::{Change, compare};
use conductor_config::{Config, Listen, Problem};

use super::Plan;

/// What changes if `wanted` takes the place of `running`. Warnings are those of `wanted`.
pub(super) fn plan(running: &Config, wanted: &Config) -> Plan {
    let mut plan = Plan::default();
    for (id, change) in compare(&running.servers, &wanted.servers) {
        let list = match change {
            Change::Add => &mut plan.add,
            Change::Remove => &mut plan.remove,
            Change::Restart => &mut plan.restart,
            Change::Retune => &mut plan.retune,
            Change::Keep => &mut plan.keep,
        };
        list.push(id.to_string());
    }
    let sections = [
        ("catalog", running.catalog != wanted.catalog),
        ("calls", running.calls != wanted.calls),
        ("delegation", running.delegation != wanted.delegation),
    ];
    plan.sections = changed(&sections).map(str::to_owned).collect();
    plan.warnings.clone_from(&wanted.warnings);
    plan
}

/// That no file has a table of servers although some are there: a file that was cut short, more
/// likely than the wish to stop everything. `files` are those that were read.
pub(super) fn undeclared(running: &Config, wanted: &Config) -> Option<Problem> {
    if wanted.servers_declared || running.servers.is_empty() {
        return None;
    }
    let message = "no table of servers is there although servers run, so the file may be damaged; \
                   write an empty one (`[mcpServers]`, or `\"mcpServers\": {}`) to stop them all";
    let key = "mcpServers".to_owned();
    Some(Problem { file: files(&wanted.sources), key, message: message.to_owned() })
}

/// How these files are named where any of them may be meant.
pub(super) fn files(sources: &[PathBuf]) -> String {
    match sources {
        [] => "the settings".to_owned(),
        sources => {
            let shown: Vec<String> =
                sources.iter().map(|file| file.display().to_string()).collect();
            shown.join(", ")
        }
    }
}

/// What of `wanted` takes effect at the next start only, compared with the settings of the last
/// start; a sentence each.
pub(super) fn waiting(started: &Config, wanted: &Config) -> Vec<String> {
    let (old, new) = (&started.listen, &wanted.listen);
    let keys = [
        ("listen.http", old.http != new.http),
        ("listen.allowedHosts", old.allowed_hosts != new.allowed_hosts),
        ("listen.allowedOrigins", old.allowed_origins != new.allowed_origins),
        ("listen.maxBody", old.max_body != new.max_body),
        ("listen.maxConnections", old.max_connections != new.max_connections),
        ("listen.headerTimeout", old.header_timeout != new.header_timeout),
        ("listen.bodyTimeout", old.body_timeout != new.body_timeout),
        ("listen.sessionIdle", old.session_idle != new.session_idle),
        ("listen.maxSessions", old.max_sessions != new.max_sessions),
        ("state.dir", started.state != wanted.state),
        ("calls.maxInFlight", started.calls.max_in_flight != wanted.calls.max_in_flight),
        (
            "calls.maxQueuedPerServer",
            started.calls.max_queued_per_server != wanted.calls.max_queued_per_server,
        ),
        ("log.filter", started.log.filter != wanted.log.filter),
        ("log.format", started.log.format != wanted.log.format),
        ("reload.watch", started.reload.watch != wanted.reload.watch),
        ("auth.adminTokenFile", started.auth != wanted.auth),
    ];
    changed(&keys).map(|key| format!("{key}: takes effect at the next start")).collect()
}

/// `wanted` as far as it can hold before the next start.
pub(super) fn possible(started: &Config, mut wanted: Config) -> Config {
    let Listen { unix, unix_mode, unix_group, sockets, .. } = wanted.listen;
    wanted.listen = Listen { unix, unix_mode, unix_group, sockets, ..started.listen.clone() };
    wanted.state.clone_from(&started.state);
    wanted.calls.max_in_flight = started.calls.max_in_flight;
    wanted.calls.max_queued_per_server = started.calls.max_queued_per_server;
    wanted.log.clone_from(&started.log);
    wanted.reload.watch = started.reload.watch;
    wanted.auth.clone_from(&started.auth);
    wanted
}

fn changed<'a>(table: &'a [(&'static str, bool)]) -> impl Iterator<Item = &'static str> + 'a {
    table.iter().filter(|(_, changed)| *changed).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reload::tests::settings;

    const TWO: &str = "[mcpServers.a]\ncommand = 'x'\n[mcpServers.b]\ncommand = 'x'\n";

    /// What is told of the change from one text to another, the lists that are empty left out.
    #[track_caller]
    fn check(running: &str, wanted: &str, expected: &str) {
        let plan = plan(&settings(running), &settings(wanted));
        let lists = [
            ("add", &plan.add),
            ("remove", &plan.remove),
            ("restart", &plan.restart),
            ("retune", &plan.retune),
            ("keep", &plan.keep),
            ("sections", &plan.sections),
        ];
        let told: Vec<String> = lists
            .iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(word, list)| format!("{word} {}", list.join(" ")))
            .collect();
        assert_eq!(told.join(", "), expected, "{wanted}");
    }

    #[test]
    fn every_server_is_in_one_list() {
        check(TWO, TWO, "keep a b");
        check(
            TWO,
            "[mcpServers.a]\ncommand = 'x'\n[mcpServers.c]\ncommand = 'x'",
            "add c, remove b, keep a",
        );
        check(TWO, &format!("{TWO}args = ['-v']"), "restart b, keep a");
        check(TWO, &format!("{TWO}env = {{ K = 'v' }}"), "restart b, keep a");
        check(TWO, &format!("{TWO}description = 'new'\ntimeout = '1s'"), "retune b, keep a");
        check(TWO, &format!("{TWO}enabled = false"), "remove b, keep a");
        check(TWO, "[mcpServers]", "remove a b");
        check("", TWO, "add a b");
    }

    #[test]
    fn other_sections_that_change_at_once_are_named() {
        check(TWO, &format!("[catalog]\npageSize = 5\n{TWO}"), "keep a b, sections catalog");
        check(TWO, &format!("[calls]\nshutdownGrace = '1s'\n{TWO}"), "keep a b, sections calls");
    }

    #[test]
    fn c9_no_table_of_servers_is_a_damaged_file_while_servers_are_there() {
        let told = |running: &str, wanted: &str| undeclared(&settings(running), &settings(wanted));
        let problem = told(TWO, "[catalog]\npageSize = 5").unwrap();
        assert_eq!((problem.file.as_str(), problem.key.as_str()), ("a.toml", "mcpServers"));
        assert_eq!(told(TWO, "[mcpServers]"), None);
        assert_eq!(told(TWO, TWO), None);
        assert_eq!(told("", ""), None);
        assert_eq!(told("[mcpServers]", ""), None);
    }

    #[test]
    fn what_cannot_change_while_running_is_told_and_left() {
        let started = settings(TWO);
        let text = "[listen]\nhttp = '127.0.0.1:9999'\nmaxBody = '1MiB'\n[state]\ndir = '/other'\n\
                    [log]\nfilter = 'debug'\n[reload]\nwatch = false\n\
                    [calls]\nmaxInFlight = 7\nstartParallel = 3\n";
        let wanted = settings(text);
        let keys: Vec<String> = waiting(&started, &wanted);
        let expected = [
            "listen.http",
            "listen.maxBody",
            "state.dir",
            "calls.maxInFlight",
            "log.filter",
            "reload.watch",
        ];
        assert_eq!(keys, expected.map(|key| format!("{key}: takes effect at the next start")));
        let possible = possible(&started, wanted);
        assert_eq!(waiting(&started, &possible), Vec::<String>::new());
        assert_eq!(possible.calls.start_parallel, 3, "what can change does");
        assert_eq!(waiting(&started, &started), Vec::<String>::new());
    }

    #[test]
    fn files_are_named_or_the_settings_as_such() {
        assert_eq!(files(&[]), "the settings");
        assert_eq!(files(&["a".into(), "b".into()]), "a, b");
    }
}

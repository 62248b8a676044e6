//! This file holds the tests of every section but the servers.

use super::{folder, loaded, refused};
use crate::{ExportStyle, LogFormat, Patterns, SocketView, ViewMode, ViewSpec, load};

#[test]
fn the_http_door_is_on_loopback_or_off() {
    for (value, expected) in [
        ("'127.0.0.1:0'", Some("127.0.0.1:0")),
        ("'[::1]:8722'", Some("[::1]:8722")),
        ("'localhost:80'", Some("127.0.0.1:80")),
        ("'127.1.2.3:80'", Some("127.1.2.3:80")),
        ("'off'", None),
        ("false", None),
    ] {
        let http = loaded("a.toml", &format!("[listen]\nhttp = {value}")).listen.http;
        assert_eq!(http.map(|http| http.to_string()).as_deref(), expected, "{value}");
    }
    for (value, expected) in [
        ("'0.0.0.0:8722'", "listen.http: 0.0.0.0 is not a loopback address … authentication"),
        ("'192.168.1.2:1'", "listen.http: 192.168.1.2 is not a loopback address"),
        ("'[::]:8722'", "listen.http: :: is not a loopback address"),
        ("''", "listen.http: must be an address and a port"),
        ("'8722'", "listen.http: must be an address and a port … 127.0.0.1:8722"),
        ("8722", "listen.http: must be text"),
        ("true", "listen.http: must be text"),
        ("'127.0.0.1'", "listen.http: must be an address and a port"),
    ] {
        refused("a.toml", &format!("[listen]\nhttp = {value}"), &[expected]);
    }
}

#[test]
fn a_unix_socket_is_a_path_or_off() {
    let unix = |value: &str| loaded("a.toml", &format!("[listen]\nunix = {value}")).listen.unix;
    assert_eq!(unix("'~/all.sock'"), Some("/home/me/all.sock".into()));
    assert_eq!(unix("'off'"), None);
    refused("a.toml", "[listen]\nunix = ''", &["listen.unix: must be a path, got empty text"]);
}

#[test]
fn a_socket_with_a_part_of_the_tools_is_read() {
    let text = "[listen.sockets.all]\npath = '/run/all.sock'\n\
                [listen.sockets.few]\npath = 'few.sock'\nmode = '0600'\nuids = [0, 1000]\n\
                group = 'agents'\n                servers = ['git']\ntools = ['git.*']\n\
                [mcpServers.git]\ncommand = 'x'\n";
    let config = loaded("a.toml", text);
    let (all, few) = (&config.listen.sockets["all"], &config.listen.sockets["few"]);
    assert_eq!((all.path.to_str(), all.mode, &all.uids), (Some("/run/all.sock"), 0o660, &None));
    assert_eq!((&all.group, few.group.clone()), (&None, Some("agents".parse().unwrap())));
    assert_eq!(all.view, SocketView::Own(ViewSpec::default()));
    assert!(few.path.is_absolute() && few.path.ends_with("few.sock"));
    assert_eq!((few.mode, few.uids.clone()), (0o600, Some([0, 1000].into())));
    let view = &config.catalog.views["few"];
    assert_eq!(view.servers, Some(["git".parse().unwrap()].into()));
    assert_eq!(few.view, SocketView::Own(view.clone()), "the merged list knows them");
}

#[test]
fn sockets_share_a_view_that_has_a_name() {
    let text = "[catalog.views.read]\nservers = ['git']\ntools = ['git.log']\n\
                [listen.sockets.one]\npath = '/1.sock'\nview = 'read'\n\
                [listen.sockets.two]\npath = '/2.sock'\nview = 'read'\nmode = '0600'\n\
                [mcpServers.git]\ncommand = 'x'\n";
    let config = loaded("a.toml", text);
    for name in ["one", "two"] {
        assert_eq!(config.listen.sockets[name].view, SocketView::Named("read".to_owned()));
    }
    let views: Vec<&String> = config.catalog.views.keys().collect();
    assert_eq!(views, ["read"]);
    assert_eq!(config.catalog.views["read"].tools, Some(Patterns::read(["git.log"]).unwrap()));
}

#[test]
fn a_wrong_view_is_told() {
    let view = |lines: &str| format!("[catalog.views.few]\n{lines}\n");
    let socket = |lines: &str| format!("[listen.sockets.x]\npath = '/x.sock'\n{lines}\n");
    for (text, expected) in [
        (view("tools = ['[']"), "catalog.views.few.tools[0]: the `[`"),
        (view("path = '/x'"), "catalog.views.few.path: unknown key"),
        (
            view("servers = ['git']"),
            "catalog.views.few.servers: workspace default has no server `git`",
        ),
        ("[catalog.views.'A b']\n".to_owned(), "catalog.views.\"A b\": "),
        (
            socket("view = 'fev'") + &view(""),
            "listen.sockets.x.view: `catalog.views` has no `fev`; did you mean `few`?",
        ),
        (
            socket("view = 'few'\nservers = []") + &view(""),
            "listen.sockets.x.servers: stands beside `view`",
        ),
        (
            "[catalog.views.x]\ntools = []\n".to_owned() + &socket(""),
            "listen.sockets.x: `catalog.views.x` has this name and shows something else",
        ),
    ] {
        refused("a.toml", &text, &[expected]);
    }
}

#[test]
fn a_wrong_socket_is_told() {
    let socket = |lines: &str| format!("[listen.sockets.x]\npath = '/x.sock'\n{lines}\n");
    for (text, expected) in [
        ("[listen.sockets.x]\n".to_owned(), "listen.sockets.x: has no `path`"),
        ("[listen.sockets.'X y']\npath = '/x'\n".to_owned(), "listen.sockets.\"X y\": "),
        (socket("mode = '7'"), "listen.sockets.x.mode: must be an octal mode"),
        (socket("uids = ['me']"), "listen.sockets.x.uids[0]: must be a whole number"),
        (socket("uids = [-1]"), "listen.sockets.x.uids[0]: must be a whole number"),
        (socket("group = 'a b'"), "listen.sockets.x.group: must be a group"),
        (socket("group = 4294967295"), "listen.sockets.x.group: is no number of a group"),
        (socket("tools = ['[']"), "listen.sockets.x.tools[0]: the `[`"),
        (socket("tool = []"), "listen.sockets.x.tool: unknown key; did you mean `tools`?"),
        (
            socket("servers = ['gti']\n[mcpServers.git]\ncommand = 'x'"),
            "listen.sockets.x.servers: workspace default has no server `gti`; did you mean `git`?",
        ),
        (
            socket("[mcpServers.git]\ncommand = 'x'\nsocket = '/x.sock'"),
            "mcpServers.git.socket: /x.sock is already the socket of listen.sockets.x",
        ),
        (
            format!("[listen]\nunix = '/{}'\n", "x".repeat(107)),
            "listen.unix: a socket's path has at most 107 bytes",
        ),
    ] {
        refused("a.toml", &text, &[expected]);
    }
}

#[test]
fn sections_are_read_as_they_are_written() {
    let config = loaded(
        "a.yaml",
        "catalog: {ttl: 1m, separator: /, exportStyle: safe, pageSize: 5}\n\
         calls: {maxInFlight: 1, maxQueuedPerServer: 0, startParallel: 2, shutdownGrace: 0s}\n\
         log: {filter: debug, format: json}\n\
         listen: {allowedHosts: [a.example], allowedOrigins: ['https://a.example']}\n",
    );
    assert_eq!(config.catalog.ttl.as_secs(), 60);
    assert_eq!(
        (config.catalog.separator.as_str(), config.catalog.export_styles.usual),
        ("/", ExportStyle::Safe)
    );
    assert_eq!((config.calls.max_in_flight, config.calls.max_queued_per_server), (1, 0));
    assert_eq!((config.log.filter.as_str(), config.log.format), ("debug", LogFormat::Json));
    assert_eq!(config.listen.allowed_hosts, ["a.example"]);
    assert_eq!(config.listen.allowed_origins, ["https://a.example"]);
}

#[test]
fn a_pattern_of_a_view_that_matches_nothing_is_told() {
    let config = loaded(
        "a.toml",
        "[mcpServers.git]\ncommand = 'x'\n\
         [catalog.views.reading]\ntools = ['git.*', '*_read', '[g]it.log', 'read_*', 'gti.*']",
    );
    let told: Vec<&str> = config.warnings.iter().map(|text| &text[..32]).collect();
    assert_eq!(told, ["view `reading`: `read_*` matches", "view `reading`: `gti.*` matches "]);
}

#[test]
fn names_are_written_as_client_door_and_view_say() {
    let config = loaded(
        "a.toml",
        "[listen]\nunixExportStyle = 'safe'\n\
         [listen.sockets.one]\npath = '/one.sock'\nexportStyle = 'safe'\n\
         [listen.sockets.two]\npath = '/two.sock'\n\
         [catalog.views.reading]\nexportStyle = 'safe'\nmode = 'search'\n\
         [catalog.clients.\"cursor-vscode\"]\nexportStyle = 'safe'\n",
    );
    let catalog = &config.catalog;
    let of = |client, door| catalog.export_styles.style(client, door, None);
    assert_eq!(of(None, "listen.http"), ExportStyle::Dot);
    assert_eq!(of(None, "listen.unix"), ExportStyle::Safe);
    assert_eq!(of(None, "listen.sockets.one"), ExportStyle::Safe);
    assert_eq!(of(None, "listen.sockets.two"), ExportStyle::Dot);
    assert_eq!(of(Some("cursor-vscode"), "listen.http"), ExportStyle::Safe);
    assert_eq!(catalog.views["reading"].export_style, Some(ExportStyle::Safe));
    assert_eq!(catalog.views["reading"].mode, ViewMode::Search);
    assert_eq!(catalog.views["two"].mode, ViewMode::List);
    assert!(catalog.has_other_style());
    let plain = "[listen]\nhttpExportStyle = 'off'\n[catalog.views.a]\nexportStyle = 'dot'";
    assert!(!loaded("a.toml", plain).catalog.has_other_style());
}

#[test]
fn a_wrong_value_is_told_what_is_expected() {
    for (text, expected) in [
        ("listen = []", "listen: must be an object, got array"),
        ("[listen]\nallowedHosts = 'x'", "listen.allowedHosts: must be a list"),
        ("[listen]\nallowedHosts = [' ']", "listen.allowedHosts[0]: must be a host"),
        ("[listen]\nallowedHosts = ['a', '*']", "listen.allowedHosts[1]: must be a host"),
        ("[listen]\nallowedOrigins = ['*']", "listen.allowedOrigins[0]: must be an origin"),
        (
            "[listen]\nallowedOrigins = ['http://a/b']",
            "listen.allowedOrigins[0]: must be an origin",
        ),
        ("[listen]\nallowedOrigins = ['a.example']", "listen.allowedOrigins[0]: must be an origin"),
        ("[listen]\nmaxBody = '4'", "listen.maxBody: a size needs a unit"),
        ("[catalog]\nseparator = '::'", "catalog.separator: must be one of"),
        ("[catalog]\nexportStyle = 'dott'", "catalog.exportStyle: must be one of … \"dot\"?"),
        ("[listen]\nhttpExportStyle = 'x'", "listen.httpExportStyle: must be one of \"dot\""),
        ("[catalog.views.a]\nmode = 'x'", "catalog.views.a.mode: must be one of \"list\""),
        ("[catalog.clients]\na = 'safe'", "catalog.clients.a: must be an object"),
        ("[catalog]\nttl = '0s'", "catalog.ttl: must be a duration from 1ms"),
        ("[catalog]\npageSize = 0", "catalog.pageSize: must be a whole number from 1"),
        ("[log]\nformat = 'xml'", "log.format: must be one of \"text\", \"json\""),
        ("[log]\nfilter = ''", "log.filter: must be a level"),
        ("[delegation.defaultLimit]\nrate = '10'", "delegation.defaultLimit.rate: a rate is"),
        ("[delegation.delegators.a]\nburst = 0", "delegation.delegators.a.burst: must be"),
        ("[delegation.delegators]\na = 1", "delegation.delegators.a: must be an object"),
        ("[defaults]\nbackoff = {min = '1h'}", "defaults.backoff: min (1h) must not be above"),
    ] {
        refused("a.toml", text, &[expected]);
    }
}

#[test]
fn a_delegator_has_its_own_limit_or_the_default() {
    let config = loaded(
        "a.toml",
        "[delegation.defaultLimit]\nburst = 3\n[delegation.delegators.'https://a.example']\nrate = '1/min'",
    );
    let own = config.delegation.limit("https://a.example");
    assert_eq!((own.rate.to_string().as_str(), own.burst), ("1/min", 3));
    let other = config.delegation.limit("https://b.example");
    assert_eq!((other.rate.to_string().as_str(), other.burst), ("10/s", 3));
}

#[test]
fn without_a_home_the_state_directory_must_be_named() {
    let (_dir, mut request) = folder(&[("a.toml", "")]);
    request.env.remove("HOME");
    let error = load(&request).unwrap_err().to_string();
    assert!(
        error.starts_with("the built-in defaults: state.dir: begins with ~ but HOME"),
        "{error}"
    );
    request.overrides.state_dir = Some("state".into());
    assert_eq!(load(&request).unwrap().state.dir, request.cwd.join("state"));
}

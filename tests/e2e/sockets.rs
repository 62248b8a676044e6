//! These tests reach servers through Unix sockets, as agents in sandboxes do.
//! They leave the bridge and views to `bridge.rs` and `views.rs`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::lines::{bare, exchange, names, own_socket};
use crate::world::{CONDUCTOR, SOON, mock, mock_with, serve, status, wait_status, wait_tool};

/// A daemon with listen.unix, and the servers a and b.
async fn two() -> (Daemon, std::path::PathBuf) {
    let sandbox = std::sync::Arc::new(Sandbox::new().unwrap());
    let merged = sandbox.path("run/all.sock");
    let settings = json!({
        "listen": { "unix": merged },
        "mcpServers": { "a": mock(&[]), "b": mock_with(&[], json!({ "socketMode": "0600" })) },
    });
    let options = Options { sandbox: Some(sandbox), ..Options::default() };
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    wait_tool(&daemon, "b.echo").await.unwrap();
    (daemon, merged)
}

#[tokio::test]
async fn m04_m05_each_socket_shows_what_is_behind_it_and_nothing_else() {
    let (daemon, merged) = two().await;
    let workspace = daemon.sandbox().state_dir().join("workspaces/default.sock");
    for socket in [&merged, &workspace] {
        let mut agent = LineClient::connect(socket).await.unwrap();
        agent.initialize("2025-06-18").await.unwrap();
        let answer = agent.call("b.echo", json!({ "text": "hi" })).await.unwrap();
        assert_eq!(answer["result"]["content"][0]["text"], "hi", "{answer}");
        let both = exchange(socket, &[bare(1, "tools/list", json!({}))]).await;
        let names = names(&both[0]);
        assert!(names.contains(&"a.echo") && names.contains(&"b.echo"), "{names:?}");
    }
    let own = own_socket(&daemon, "a");
    let mut agent = LineClient::connect(&own).await.unwrap();
    agent.be_modern();
    let answer = agent.call("echo", json!({ "text": "hi" })).await.unwrap();
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    let foreign = agent.call("b.echo", json!({ "text": "hi" })).await.unwrap();
    assert_eq!(foreign["error"]["data"]["reason"], "unknown_tool", "{foreign}");
}

#[tokio::test]
async fn m10_bare_lines_without_a_handshake_are_answered_and_half_a_close_waits_for_them() {
    let (daemon, _) = two().await;
    let own = own_socket(&daemon, "a");
    let list = bare(1, "tools/list", json!({}));
    let call = bare(2, "tools/call", json!({ "name": "echo", "arguments": { "text": "x" } }));
    // Longer than anything at the end of a stdin would be waited for.
    let slow = bare(3, "tools/call", json!({ "name": "sleep", "arguments": { "ms": 2500 } }));
    let answers = exchange(&own, &[list, call, slow]).await;
    assert_eq!(answers.len(), 3, "{answers:?}");
    let of = |id: u64| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert!(names(of(1)).contains(&"echo"));
    assert_eq!(of(2)["result"]["content"][0]["text"], "x");
    assert!(of(3)["result"].is_object(), "{answers:?}");
}

#[tokio::test]
async fn m11_m41_status_tells_the_sockets_that_are_there_with_their_modes() {
    let (daemon, merged) = two().await;
    for (server, mode) in [("a", 0o660), ("b", 0o600)] {
        let row = status(&daemon, server).await.unwrap();
        let socket = row["socket"].as_str().unwrap();
        assert_eq!(Path::new(socket), own_socket(&daemon, server));
        let found = fs::symlink_metadata(socket).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, mode, "{server}");
    }
    assert_eq!(fs::metadata(&merged).unwrap().permissions().mode() & 0o777, 0o660);
    let made = fs::metadata(merged.parent().unwrap()).unwrap().permissions().mode();
    assert_eq!(made & 0o777, 0o750, "whoever may use the socket gets to it");
    let names = daemon.sandbox().state_dir().join("servers");
    assert_eq!(fs::metadata(names).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn sockets_are_gone_after_a_clean_stop_and_replaced_after_a_crash() {
    let (mut daemon, merged) = two().await;
    let own = own_socket(&daemon, "a");
    daemon.signal(Signal::KILL).unwrap();
    daemon.wait_end(SOON).await.unwrap();
    assert!(merged.exists() && own.exists(), "left by the crash");
    let settings = json!({ "listen": { "unix": merged }, "mcpServers": { "a": mock(&[]) } });
    let options = Options { sandbox: Some(daemon.sandbox()), ..Options::default() };
    let mut second = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tool(&second, "a.echo").await.unwrap();
    for socket in [&merged, &own] {
        let answers = exchange(socket, &[bare(1, "tools/list", json!({}))]).await;
        assert!(!names(&answers[0]).is_empty());
    }
    assert_eq!(second.terminate(SOON).await.unwrap().code(), Some(0));
    assert!(!merged.exists() && !own.exists());
}

#[tokio::test]
async fn a_named_socket_that_cannot_open_ends_the_start_and_another_one_only_itself() {
    let (daemon, merged) = two().await;
    let start =
        async |settings: Value| Daemon::start(CONDUCTOR, settings, Options::default()).await;
    let taken = json!({ "listen": { "unix": merged }, "mcpServers": { "a": mock(&[]) } });
    let error = start(taken).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 4"), "{error}");
    assert!(error.contains("listen.unix") && error.contains("in use"), "{error}");

    let link = daemon.sandbox().path("link.sock");
    std::os::unix::fs::symlink(&merged, &link).unwrap();
    let servers = json!({ "a": mock_with(&[], json!({ "socket": link })), "b": mock(&[]) });
    let other = serve(servers).await.unwrap();
    wait_tool(&other, "a.echo").await.unwrap();
    let row = status(&other, "a").await.unwrap();
    assert_eq!(row["socket"], Value::Null, "{row}");
    assert!(row["socket_error"].as_str().unwrap().contains("is no socket"), "{row}");
    let row = status(&other, "b").await.unwrap();
    assert!(Path::new(row["socket"].as_str().unwrap()).exists(), "{row}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "left alone");

    let settings = json!({ "listen": { "unix": format!("/{}", "x".repeat(108)) } });
    let error = start(settings).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 2") && error.contains("at most 107 bytes"), "{error}");
}

#[tokio::test]
async fn m41_a_socket_belongs_to_the_group_that_the_settings_name_or_says_why_not() {
    let sandbox = std::sync::Arc::new(Sandbox::new().unwrap());
    let at = |name: &str| sandbox.path(&format!("run/{name}.sock"));
    // A group that this process may give: any for root, else its own.
    let root = rustix::process::geteuid().is_root();
    let own = rustix::process::getegid().as_raw();
    let group = if root { 54_321 } else { own };
    let listen = |part: &str| {
        json!({
            "unix": at("all"), "unixMode": "0600", "unixGroup": group,
            "sockets": { "part": { "path": at("part"), "group": part } },
        })
    };
    let options = || Options { sandbox: Some(sandbox.clone()), ..Options::default() };
    let servers = json!({
        "a": mock_with(&[], json!({ "socket": at("a"), "socketGroup": group.to_string() })),
        "b": mock_with(&[], json!({ "socketGroup": "no-such-group" })),
    });
    let settings = json!({ "listen": listen("no-such-group"), "mcpServers": servers });
    let error = Daemon::start(CONDUCTOR, settings, options()).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 4"), "{error}");
    assert!(error.contains("group no-such-group: there is no such group"), "{error}");

    let settings = json!({ "listen": listen(&group.to_string()), "mcpServers": servers });
    let daemon = Daemon::start(CONDUCTOR, settings, options()).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    for (name, mode) in [("all", 0o600), ("part", 0o660), ("a", 0o660)] {
        let found = fs::symlink_metadata(at(name)).unwrap();
        assert_eq!((found.gid(), found.mode() & 0o777), (group, mode), "{name}");
    }
    assert_eq!(fs::metadata(sandbox.path("run")).unwrap().gid(), group, "whoever may, gets there");
    let row = status(&daemon, "b").await.unwrap();
    assert!(row["socket_error"].as_str().unwrap().contains("no such group"), "{row}");
}

#[tokio::test]
async fn m41_the_sockets_of_workspaces_have_the_mode_that_the_defaults_say() {
    let settings = json!({
        "defaults": { "socketMode": "0600" },
        "mcpServers": {
            "a": mock(&[]),
            "b": mock_with(&[], json!({ "workspace": "w", "socketMode": "0660" })),
        },
    });
    let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
    let state = daemon.sandbox().state_dir();
    for (path, mode) in [
        ("workspaces/default.sock", 0o600),
        ("workspaces/w.sock", 0o600),
        ("servers/a.sock", 0o600),
        ("servers/w/b.sock", 0o660),
    ] {
        let found = fs::metadata(state.join(path)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path}");
    }
}

#[tokio::test]
async fn a_socket_outlives_its_server_with_its_inode_and_connections() {
    let daemon = serve(json!({ "a": mock(&["--fault-tools"]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let socket = own_socket(&daemon, "a");
    let inode = fs::metadata(&socket).unwrap().ino();
    let mut agent = LineClient::connect(&socket).await.unwrap();
    agent.initialize("2025-11-25").await.unwrap();
    let first = status(&daemon, "a").await.unwrap()["generation"].as_u64().unwrap();
    let ended = daemon.cli(&["restart", "a"]).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    wait_status(&daemon, "a", |row| {
        row["state"] == "running" && row["generation"].as_u64() > Some(first)
    })
    .await
    .unwrap();
    let answer = agent.call("echo", json!({ "text": "same connection" })).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "same connection", "{answer}");
    assert_eq!(fs::metadata(&socket).unwrap().ino(), inode);
}

#[tokio::test]
async fn a_line_beyond_16_mib_is_refused_and_the_connection_goes_on() {
    let (daemon, _) = two().await;
    let mut agent = LineClient::connect(&own_socket(&daemon, "a")).await.unwrap();
    agent.send_text(&"x".repeat(16 * 1024 * 1024 + 1)).await.unwrap();
    let refused = agent.next(SOON).await.unwrap().unwrap();
    assert_eq!(refused["error"]["data"]["reason"], "invalid_request", "{refused}");
    let text = "y".repeat(1 << 20);
    let answer = agent.call("echo", json!({ "text": text })).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], text.as_str());
}

#[tokio::test]
async fn the_stdio_door_opens_no_sockets() {
    let sandbox = Sandbox::new().unwrap();
    let merged = sandbox.path("all.sock");
    let mut settings = json!({
        "listen": { "unix": merged },
        "mcpServers": { "a": mock_with(&[], json!({ "socket": sandbox.path("a.sock") })) },
    });
    sandbox.mark_servers(&mut settings);
    let file = sandbox.write("conductor.json", &settings.to_string()).unwrap();
    let words = [CONDUCTOR, "stdio", "--config", file.to_str().unwrap()];
    let log = sandbox.path("stdio.log");
    let mut agent = LineClient::spawn(&words, &[], &log).unwrap();
    agent.initialize("2025-11-25").await.unwrap();
    assert!(!agent.tools().await.unwrap().is_empty());
    assert!(!merged.exists() && !sandbox.path("a.sock").exists());
    agent.close(SOON).await.unwrap();
}

#[tokio::test]
async fn the_log_says_who_connected_as_the_kernel_knows_them() {
    let env = vec![("RUST_LOG".to_owned(), "info,mcp_conductor=debug".to_owned())];
    let options = Options { env, ..Options::default() };
    let servers = json!({ "mcpServers": { "a": mock(&[]) } });
    let daemon = Daemon::start(CONDUCTOR, servers, options).await.unwrap();
    let socket = own_socket(&daemon, "a");
    wait::until("the socket", SOON, async || socket.exists().then_some(())).await.unwrap();
    let _agent = LineClient::connect(&socket).await.unwrap();
    let line = daemon.wait_log("the agent", Duration::from_secs(10), |line| {
        let fields = line.get("fields").unwrap_or(line);
        (fields["message"] == "agent connected").then(|| fields.clone())
    });
    let line = line.await.unwrap();
    assert_eq!(line["pid"], std::process::id(), "{line}");
    assert_eq!(line["uid"], rustix::process::getuid().as_raw(), "{line}");
    assert_eq!(line["gid"], rustix::process::getgid().as_raw(), "{line}");
}

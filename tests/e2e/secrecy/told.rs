//! Row S32: twenty secrets are planted, and nothing that the daemon tells anybody shows one of them.
//! They leave what lies on the disk to `at_rest.rs`.

use conductor_e2e::client::Client;
use conductor_e2e::daemon::run_to_end;
use conductor_e2e::sandbox::Process;
use http::Method;
use serde_json::json;

use super::planted::{MASTER_KEY, Planted};
use super::{canary, found};
use crate::world::{CONDUCTOR, SOON};

const API: &str = "/api/v1/aegis";

#[tokio::test]
async fn s32_no_secret_is_told_by_log_command_line_answer_or_error() {
    let mut planted = Planted::everywhere().await;
    broken_settings(&mut planted).await;
    commands(&mut planted).await;
    routes(&mut planted).await;
    agents(&mut planted).await;
    let text = std::fs::read_to_string(planted.sandbox.path("conductor.json")).unwrap();
    assert_eq!(found(&text, &planted.canaries).len(), 8, "what is looked for can be found");
    planted.said.push(("the log".to_owned(), planted.daemon.log_tail(usize::MAX)));
    let log = &planted.said.last().unwrap().1;
    assert!(log.contains("server wrote to stderr") && log.contains("[redacted]"), "{log}");
    let leaks: Vec<String> = planted
        .said
        .iter()
        .flat_map(|(place, text)| {
            found(text, &planted.canaries).into_iter().map(move |one| format!("{one} in {place}"))
        })
        .collect();
    assert_eq!(leaks, [""; 0], "of {} texts", planted.said.len());
}

/// Settings that are wrong beside a secret; what a reload says of them, and the record.
async fn broken_settings(planted: &mut Planted) {
    let secret = canary("refused");
    let right = std::fs::read_to_string(planted.sandbox.path("conductor.json")).unwrap();
    let entry = |entry| json!({ "mcpServers": { "a": entry } }).to_string();
    for (ending, text) in [
        ("json", format!(r#"{{"mcpServers": {{"a": {{"env": {{"A": "{secret}" "B"}}}}}}}}"#)),
        ("json", entry(json!({ "command": "x", "env": { "A": [&secret] } }))),
        ("json", entry(json!({ "command": "x", "env": [&secret] }))),
        ("json", entry(json!({ "command": "x", "env": { format!("A={secret}"): "" } }))),
        ("json", entry(json!({ "command": "x", "env": { "A": format!("encrypted:{secret}") } }))),
        ("json", entry(json!({ "command": "x", "env": { "A": format!("${{{secret}") } }))),
        ("json", entry(json!({ "url": format!("me:{secret}@h.example") }))),
        ("toml", format!("[mcpServers.a]\ncommand = \"x\"\nenv = {{ A = {secret} }}\n")),
        ("toml", format!("[mcpServers.a]\ncommand = \"x\"\nenv = {{ A = \"{secret} }}\n")),
        ("yaml", format!("mcpServers:\n  a:\n    command: x\n    env: {{ A: *{secret} }}\n")),
        ("yaml", format!("mcpServers:\n  a:\n    command: x\n    env: {{ A: !{secret} b }}\n")),
        ("yaml", format!("mcpServers:\n  a:\n    command: x\n    env: {{ A: \"{secret} }}\n")),
    ] {
        let file = planted.sandbox.write(&format!("broken.{ending}"), &text).unwrap();
        let file = file.to_str().unwrap().to_owned();
        let args = ["check", "--config", &file];
        let ended = run_to_end(CONDUCTOR, &args, &[], SOON).await.unwrap();
        assert_eq!(ended.code, Some(2), "{text}: {}", ended.stdout);
        planted.said.push((format!("check of {text:?}"), ended.stdout + &ended.stderr));
        if ending == "json" {
            planted.sandbox.write("conductor.json", &text).unwrap();
            let ended = planted.daemon.cli(&["reload"]).await.unwrap();
            assert_eq!(ended.code, Some(2), "{text}: {}", ended.stdout);
            planted.said.push((format!("reload of {text:?}"), ended.stdout + &ended.stderr));
            let record = planted.daemon.cli(&["status"]).await.unwrap();
            planted.said.push((format!("status after {text:?}"), record.stdout + &record.stderr));
        }
    }
    planted.sandbox.write("conductor.json", &right).unwrap();
}

async fn commands(planted: &mut Planted) {
    let file = planted.sandbox.path("conductor.json").display().to_string();
    let imported = planted.sandbox.write("claude_desktop_config.json", &json!({ "mcpServers": {
        "a": { "command": "x", "env": { "API_TOKEN": canary("refused") },
               "args": ["--api-key", canary("refused")] },
        "b": { "url": format!("https://me:{}@h.example/?key={}", canary("refused"), canary("refused")),
               "headers": { "Authorization": format!("Bearer {}", canary("refused")) } },
    } }).to_string());
    let imported = imported.unwrap().display().to_string();
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["plan"],
        &["reload"],
        &["tools"],
        &["tools", "--json"],
        &["tools", "--explain"],
        &["why", "file.echo"],
        &["pins"],
        &["logs", "file"],
        &["logs", "dying"],
        &["call", "file.echo", r#"{"text":"x"}"#],
        &["call", "dying.echo", r#"{"text":"x"}"#],
        &["call", "refusing.echo", "{}"],
        &["call", "remote.echo", "{}"],
        &["restart", "dying"],
        &["check", "--config", &file],
        &["check", "--json", "--config", &file],
        &["doctor", "--config", &file],
        &["doctor", "--json", "--config", &file],
        &["client-config"],
        &["state", "export"],
        &["import", &imported],
        &["import", "--secrets", "env", &imported],
    ] {
        let state = planted.sandbox.state_dir().display().to_string();
        let (key, variable) = (format!("{MASTER_KEY}="), canary("file-variable"));
        let env = [
            ("CONDUCTOR_STATE__DIR", &*state),
            ("CONDUCTOR_MASTER_KEY", &*key),
            ("PLANTED_VARIABLE", &*variable),
        ];
        let ended = run_to_end(CONDUCTOR, words, &env, SOON * 3).await.unwrap();
        assert_ne!(ended.stdout.len() + ended.stderr.len(), 0, "{words:?}");
        planted.said.push((format!("conductor {words:?}"), ended.stdout + &ended.stderr));
    }
}

async fn routes(planted: &mut Planted) {
    let mut api = planted.api().await;
    let connection = |name: &str| format!("{API}/connections/default/{name}");
    let mut asked = vec![
        (Method::GET, format!("{API}/connections")),
        (Method::GET, format!("{API}/workspaces")),
        (Method::GET, format!("{API}/workspaces/default")),
        (Method::GET, format!("{API}/config")),
        (Method::GET, format!("{API}/config/plan")),
        (Method::POST, format!("{API}/config/reload")),
        (Method::GET, format!("{API}/nothing")),
        (Method::PATCH, format!("{API}/connections")),
        (Method::GET, format!("{API}/connections?limit=none")),
        (Method::GET, connection("unknown")),
        (Method::POST, connection("dying") + "/test"),
        (Method::POST, connection("refusing") + "/test"),
        (Method::POST, connection("remote") + "/test"),
        (Method::GET, "/openapi.json".to_owned()),
    ];
    let servers = ["file", "dying", "refusing", "remote", "login", "api", "away"];
    asked.extend(servers.map(|name| (Method::GET, connection(name))));
    for (method, path) in asked {
        let place = format!("{method} {path}");
        let said = api.ask(method, &path, &[], String::new()).await.unwrap();
        planted.said.push((place, format!("{:?} {}", said.headers, said.body)));
    }
}

/// What agents get to hear: lists, and the errors of servers that told their secrets when they died.
async fn agents(planted: &mut Planted) {
    let clients = [
        Client::modern(planted.daemon.addr(), "/mcp"),
        Client::legacy(planted.daemon.addr(), "/mcp").await.unwrap(),
    ];
    for client in clients {
        planted
            .said
            .push(("tools/list".to_owned(), format!("{:?}", client.tools().await.unwrap())));
        for server in ["dying", "refusing", "remote", "login", "nothing"] {
            let path = format!("/servers/{server}/mcp");
            let own = Client::modern(planted.daemon.addr(), &path);
            let listed = own.request("tools/list", json!({})).await;
            planted.said.push((format!("tools/list at {path}"), format!("{listed:?}")));
            let called = client.call(&format!("{server}.echo"), json!({ "text": "x" })).await;
            planted.said.push((format!("call of {server}"), format!("{called:?}")));
        }
    }
}

#[tokio::test]
async fn s32_command_lines_and_environments_hold_no_secret_but_the_servers_own() {
    let planted = Planted::everywhere().await;
    let read = |pid: i32, what: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let daemon = planted.daemon.pid();
    assert_eq!(found(&read(daemon, "cmdline"), &planted.canaries), [""; 0]);
    let guards: Vec<i32> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| read(*pid, "stat").split(' ').nth(3) == Some(&daemon.to_string()))
        .filter(|pid| read(*pid, "cmdline").contains("guard"))
        .collect();
    assert_eq!(guards.len(), 1, "the daemon has one guard");
    for what in ["cmdline", "environ"] {
        assert_eq!(found(&read(guards[0], what), &planted.canaries), [""; 0], "guard's {what}");
    }
    let mut seen = 0;
    for Process { pid, .. } in planted.sandbox.processes() {
        let environment = read(pid, "environ");
        let all = found(&environment, &planted.canaries);
        let own = ["file-", "api-", "refusing-", "dying-"];
        let own = own.iter().find(|own| all.first().is_some_and(|one| one.contains(*own)));
        let foreign: Vec<&str> =
            all.iter().copied().filter(|one| own.is_none_or(|own| !one.contains(own))).collect();
        assert_eq!(foreign, [""; 0], "process {pid}: {all:?}");
        seen += all.len();
    }
    assert!(seen >= 8, "the servers have what is theirs: {seen}");
}

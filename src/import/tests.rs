//! What becomes of the files of each client, and that no report tells a secret.

use std::path::Path;

use serde_json::{Value, json};

use super::{Fate, ImportError, Imported, Secrets, Source, import};

fn seal(value: &str) -> Result<String, String> {
    Ok(format!("encrypted:<{} bytes>", value.len()))
}

fn imported(path: &str, text: &str) -> Result<Imported, ImportError> {
    let path = Path::new(path);
    import(text, Source::of(path, text), path, Some("/srv/shop"), &Secrets::Sealed(&seal))
}

/// What `text`, in a file at `path`, becomes, and what is told: `server key fate`, sorted.
#[track_caller]
fn check(path: &str, text: &str, expected: Value, told: &[&str]) {
    let found = imported(path, text).unwrap();
    assert_eq!(Value::Object(found.servers), expected, "{path}");
    let line = |note: &super::Note| {
        let fate = match note.fate {
            Fate::Changed => "changed",
            Fate::Dropped => "dropped",
            Fate::Lost => "lost",
        };
        format!("{} {} {fate}", note.server, note.key)
    };
    let mut lines: Vec<String> = found.notes.iter().map(line).collect();
    lines.sort();
    assert_eq!(lines, told, "{path}: {:?}", found.notes);
}

#[test]
fn claude_desktop() {
    check(
        "/home/u/.config/Claude/claude_desktop_config.json",
        r#"{"theme":"dark","mcpServers":{"My Files":{"command":"npx","args":["-y","files","--token","hunter2-x"],"env":{"ROOT":"/x","GITHUB_TOKEN":"hunter2"}}}}"#,
        json!({"my-files": {
            "command": "npx", "args": ["-y", "files", "--token", "${MY_FILES_TOKEN}"],
            "env": {"ROOT": "/x", "GITHUB_TOKEN": "encrypted:<7 bytes>"},
        }}),
        &["my-files  changed", "my-files args.3 changed", "my-files env.GITHUB_TOKEN changed"],
    );
}

#[test]
fn claude_code_with_servers_of_one_project() {
    check(
        "/home/u/.claude.json",
        r#"{"mcpServers":{"a":{"type":"http","url":"https://a/mcp?api_key=hunter2","headers":{"Authorization":"Bearer hunter2"},"timeout":30000}},
            "projects":{"/srv/shop":{"mcpServers":{"a":{"command":"x"}}},"/srv/other":{"mcpServers":{"b":{"command":"y"}}},"/srv/none":{}}}"#,
        json!({
            "a": {"type": "http", "url": "https://a/mcp?api_key=${A_API_KEY}", "timeout": "30000ms",
                  "headers": {"Authorization": "encrypted:<14 bytes>"}},
            "a-2": {"command": "x", "cwd": "/srv/shop"},
        }),
        &[
            " /srv/other lost",
            "a headers.Authorization changed",
            "a timeout changed",
            "a url changed",
            "a-2  changed",
        ],
    );
}

#[test]
fn visual_studio_code_with_comments_inputs_and_folders() {
    check(
        "/srv/shop/.vscode/mcp.json",
        r#"{ // ours
            "inputs": [{"id": "key", "type": "promptString", "password": true}],
            "servers": { "a": { "type": "stdio", "command": "${workspaceFolder}/run", "envFile": "${workspaceFolder}/.env",
                "env": {"KEY": "${input:key}", "HOME_DIR": "${userHome}", "N": 3, "GONE": null}, "dev": {"watch": "*"}, }, } }"#,
        json!({"a": {
            "command": "/srv/shop/run", "envFile": "/srv/shop/.env",
            "env": {"KEY": "${KEY}", "HOME_DIR": "${HOME}", "N": "3"},
        }}),
        &[
            " inputs dropped",
            "a command changed",
            "a dev dropped",
            "a env.GONE dropped",
            "a env.HOME_DIR changed",
            "a env.KEY changed",
            "a envFile changed",
        ],
    );
}

#[test]
fn cursor_and_windsurf() {
    check(
        "/home/u/.cursor/mcp.json",
        r#"{"mcpServers":{"a":{"url":"https://a/mcp","headers":{"X-Api-Key":"${env:KEY}"},"auth":{"CLIENT_ID":"x"}}}}"#,
        json!({"a": {"type": "http", "url": "https://a/mcp", "headers": {"X-Api-Key": "${env:KEY}"}}}),
        &["a auth lost"],
    );
    check(
        "/home/u/.codeium/windsurf/mcp_config.json",
        r#"{"mcpServers":{"a":{"serverUrl":"https://a/mcp","disabled":true,"disabledTools":["x"]}}}"#,
        json!({"a": {"type": "http", "url": "https://a/mcp", "enabled": false, "excludeTools": ["x"]}}),
        &[],
    );
}

#[test]
fn cline_and_roo_count_seconds() {
    check(
        "/x/settings/cline_mcp_settings.json",
        r#"{"mcpServers":{"a":{"command":"x","timeout":60,"autoApprove":["t"]},"b":{"url":"https://b","type":"streamableHttp"}}}"#,
        json!({"a": {"command": "x", "timeout": "60000ms"}, "b": {"type": "http", "url": "https://b"}}),
        &["a autoApprove dropped", "a timeout changed"],
    );
    check(
        "/x/mcp_settings.json",
        r#"{"mcpServers":{"a":{"command":"x","cwd":"/y","alwaysAllow":["t"],"watchPaths":["p"],"timeout":5}}}"#,
        json!({"a": {"command": "x", "cwd": "/y", "timeout": "5000ms"}}),
        &["a alwaysAllow dropped", "a timeout changed", "a watchPaths dropped"],
    );
}

#[test]
fn gemini_means_the_older_way_by_url_and_chooses_servers() {
    check(
        "/home/u/.gemini/settings.json",
        r#"{"mcp":{"allowed":["a","b"]},"mcpServers":{"a":{"url":"https://a/sse"},"b":{"httpUrl":"https://b/mcp","trust":true,"timeout":600000},
            "c":{"command":"x","env":{"A":"$HOME/b"},"includeTools":["t"],"excludeTools":["u"],"description":"d"}}}"#,
        json!({
            "a": {"type": "sse", "url": "https://a/sse"},
            "b": {"type": "http", "url": "https://b/mcp", "timeout": "600000ms"},
            "c": {"command": "x", "env": {"A": "${HOME}/b"}, "includeTools": ["t"],
                  "excludeTools": ["u"], "description": "d", "enabled": false},
        }),
        &["a type changed", "b timeout changed", "b trust dropped", "c env.A changed"],
    );
}

#[test]
fn codex() {
    check(
        "/home/u/.codex/config.toml",
        "model = \"m\"\n[mcp_servers.a]\ncommand = \"x\"\nenv_vars = [\"TOKEN\"]\nstartup_timeout_sec = 20\n\
         tool_timeout_sec = 60.5\nenabled_tools = [\"t\"]\ndefault_tools_approval_mode = \"auto\"\n\
         [mcp_servers.b]\nurl = \"https://b/mcp\"\nbearer_token_env_var = \"B\"\nenabled = false\n\
         env_http_headers = { X = \"XV\" }\nhttp_headers = { Y = \"y\" }\n",
        json!({
            "a": {"command": "x", "env": {"TOKEN": "${TOKEN}"}, "startupTimeout": "20000ms",
                  "timeout": "60500ms", "includeTools": ["t"]},
            "b": {"type": "http", "url": "https://b/mcp", "enabled": false,
                  "headers": {"Authorization": "Bearer ${B}", "X": "${XV}", "Y": "y"}},
        }),
        &[
            "a default_tools_approval_mode dropped",
            "a startup_timeout_sec changed",
            "a tool_timeout_sec changed",
        ],
    );
}

#[test]
fn opencode_of_both_kinds_and_zed() {
    let server =
        r#"{"type":"local","command":["x","-y"],"environment":{"K":"{env:K}"},"timeout":5000}"#;
    let ours =
        json!({"a": {"command": "x", "args": ["-y"], "env": {"K": "${K}"}, "timeout": "5000ms"}});
    for text in [
        format!(r#"{{"mcp":{{"a":{server}}}}}"#),
        format!(r#"{{"mcp":{{"servers":{{"a":{server}}}}}}}"#),
    ] {
        check("/x/opencode.json", &text, ours.clone(), &["a env.K changed", "a timeout changed"]);
    }
    check(
        "/home/u/.config/zed/settings.json",
        r#"{"vim_mode":true,"context_servers":{"a":{"source":"custom","command":{"path":"x","args":["y"],"env":{"A":"b"}},"settings":{}}}}"#,
        json!({"a": {"command": "x", "args": ["y"], "env": {"A": "b"}}}),
        &["a settings dropped"],
    );
}

#[test]
fn hubs_and_proxies() {
    check(
        "/home/u/.config/mcphub/servers.json",
        r#"{"mcpServers":{"a":{"command":"x","env":{"K":"${cmd: pass show k}"}},"b":{"command":"y","disabled_tools":["t"],"dev":{"enabled":true}},
            "c":{"type":"ws","url":"wss://c"},"d":{"command":"x","enabled":true,"disabled":true}}}"#,
        json!({"b": {"command": "y", "excludeTools": ["t"]}}),
        &["a env.K lost", "b dev dropped", "c type lost", "d enabled lost"],
    );
    check(
        "/x/config.json",
        r#"{"mcpProxy":{},"mcpServers":[{"name":"a","protocol":"http","url":"https://a","quarantined":true},
            {"name":"b","command":"x","working_dir":"/w","options":{"disabled":true,"toolFilter":{"mode":"block","list":["t"]}},"timeout":9}]}"#,
        json!({
            "a": {"type": "http", "url": "https://a", "enabled": false},
            "b": {"command": "x", "cwd": "/w", "enabled": false, "excludeTools": ["t"]},
        }),
        &[" mcpProxy dropped", "a quarantined changed", "b timeout lost"],
    );
}

#[test]
fn paths_that_start_where_the_client_does_start_at_its_folder() {
    check(
        "/srv/shop/.vscode/mcp.json",
        r#"{"servers":{"a":{"command":"./run","args":["--root","../data"],"envFile":".env"},
            "b":{"command":"node","args":["./server.js"],"cwd":"sub"},"c":{"command":"/bin/x","cwd":"~/w"}}}"#,
        json!({
            "a": {"command": "./run", "args": ["--root", "../data"], "envFile": "/srv/shop/.env",
                  "cwd": "/srv/shop"},
            "b": {"command": "node", "args": ["./server.js"], "cwd": "/srv/shop/sub"},
            "c": {"command": "/bin/x", "cwd": "~/w"},
        }),
        &["a cwd changed", "a envFile changed", "b cwd changed"],
    );
}

#[test]
fn passwords_in_addresses_of_databases_and_files_of_secrets_are_seen() {
    check(
        "/x/opencode.json",
        r#"{"mcp":{"a":{"type":"local","command":["x","--url","postgres://me:hunter2@db/x","redis://:hunter2@r"],
            "environment":{"DATABASE_URL":"postgres://me:hunter2@db/x","PLAIN_URL":"postgres://me@db/x","F":"{file:~/.s}"}},
            "b":{"type":"remote","url":"https://b","headers":{"X":"{file:key}"}},
            "c":{"type":"local","command":["x","{file:~/.s}"]}}}"#,
        json!({
            "a": {"command": "x", "args": ["--url", "${A_URL}", "${A_ARG_2}"],
                  "env": {"DATABASE_URL": "encrypted:<26 bytes>", "PLAIN_URL": "postgres://me@db/x",
                          "F": {"file": "~/.s"}}},
            "b": {"type": "http", "url": "https://b", "headers": {"X": {"file": "/x/key"}}},
        }),
        &[
            "a args.1 changed",
            "a args.2 changed",
            "a env.DATABASE_URL changed",
            "a env.F changed",
            "b headers.X changed",
            "b headers.X changed",
            "c args.0 lost",
        ],
    );
}

#[test]
fn secrets_in_a_url_become_variables() {
    check(
        "/x/mcp.json",
        r#"{"mcpServers":{
            "a":{"url":"https://me:hunter2@a/mcp?key=hunter2&page=2"},
            "b":{"url":"https://ghp_0123456789abcdef@b/mcp"},
            "c":{"url":"https://me:${env:PW}@c/mcp"},
            "d":{"url":"https://d/@scope/mcp?x=a@b"}}}"#,
        json!({
            "a": {"type": "http", "url": "https://me:${A_PASSWORD}@a/mcp?key=${A_KEY}&page=2"},
            "b": {"type": "http", "url": "https://${B_TOKEN}@b/mcp"},
            "c": {"type": "http", "url": "https://me:${env:PW}@c/mcp"},
            "d": {"type": "http", "url": "https://d/@scope/mcp?x=a@b"},
        }),
        &["a url changed", "a url changed", "b url changed"],
    );
}

#[test]
fn secrets_become_variables_where_there_is_no_key_and_are_never_told() {
    let text = r#"{"mcpServers":{"a":{"command":"x","args":["--api-key=hunter2","ghp_0123456789abcdef"],
        "env":{"DB_PASSWORD":"hunter2","SPEECH":"sk-hunter2hunter2","PORT":"8080","TOKEN_FILE":"/run/t"}}}}"#;
    let path = Path::new("/x/mcp.json");
    let found = import(text, Source::Other, path, None, &Secrets::Variables).unwrap();
    assert_eq!(
        found.servers["a"],
        json!({
            "command": "x", "args": ["--api-key=${A_API_KEY}", "${A_ARG_1}"],
            "env": {"DB_PASSWORD": "${DB_PASSWORD}", "SPEECH": "${SPEECH}", "PORT": "8080", "TOKEN_FILE": "/run/t"},
        }),
    );
    let told = serde_json::to_string(&found.notes).unwrap();
    assert!(!told.contains("hunter2") && !told.contains("ghp_"), "{told}");
}

#[test]
fn what_has_no_servers_is_told() {
    assert_eq!(
        imported("/x/a.json", "{").unwrap_err().to_string().split(':').next(),
        Some("this is neither JSON nor TOML")
    );
    assert_eq!(imported("/x/a.json", r#"{"a":1}"#).unwrap_err(), ImportError::NoServers);
}

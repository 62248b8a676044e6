//! Rows S30 and S31: what a server gets of the daemon, which is little.
//! They leave limits of the system to the tests beside the code.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::rest::Api;
use conductor_e2e::sandbox::MARK;
use conductor_e2e::wait;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, MOCK, SOON, client, mock_with, wait_status, wait_tools};

/// What the daemon's own environment may hand on.
const INHERITED: [&str; 10] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "XDG_RUNTIME_DIR",
];

/// Variables of the daemon that are no server's business: credentials, and what loads other code.
const FOREIGN: [(&str, &str); 8] = [
    ("AWS_SECRET_ACCESS_KEY", "x"),
    ("GITHUB_TOKEN", "x"),
    ("SSH_AUTH_SOCK", "/nowhere"),
    ("NODE_OPTIONS", "--no-warnings"),
    ("PYTHONSTARTUP", "/nowhere"),
    ("LD_LIBRARY_PATH", "/nowhere"),
    ("HTTPS_PROXY", "http://127.0.0.1:9"),
    ("CONDUCTOR_API__PRIVATE_HOSTS", "[]"),
];

async fn daemon() -> Daemon {
    let env = FOREIGN.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = Options { env: env.into(), ..Options::default() };
    let entry = mock_with(&[], json!({ "env": { "OWN": "y" } }));
    let settings =
        json!({ "mcpServers": { "file": entry, "bare": { "command": ["sleep", "599"] } } });
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    let mark = daemon.sandbox().mark().to_owned();
    let body = json!({ "name": "api", "command": [MOCK], "env": { "OWN": "y", MARK: mark } });
    let mut api = Api::of(&daemon).await.unwrap();
    let _ = api.register(&body).await.unwrap().with(201);
    wait_tools(&daemon, &["file.env", "api.env"]).await.unwrap();
    daemon
}

#[tokio::test]
async fn s30_a_server_gets_listed_variables_its_own_and_no_other() {
    let daemon = daemon().await;
    let inherited = INHERITED.into_iter().filter(|name| std::env::var_os(name).is_some());
    let wanted: BTreeSet<&str> = inherited.chain(["OWN", MARK, "CONDUCTOR_RUN"]).collect();
    for server in ["file", "api"] {
        let reply = client(&daemon).call(&format!("{server}.env"), json!({})).await.unwrap();
        let names: BTreeSet<&str> = reply.text().unwrap().lines().collect();
        assert_eq!(names, wanted, "{server}");
    }
}

#[tokio::test]
async fn s31_a_server_gets_three_pipes_a_group_of_its_own_and_makes_nothing_for_others() {
    let daemon = daemon().await;
    let pid = async |server: &str| {
        let row = wait_status(&daemon, server, |row| row["state"] == "running").await.unwrap();
        row["pid"].as_i64().unwrap()
    };
    let field = |pid: i64, what: &str| -> String {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(what)).map(str::trim);
        line.unwrap_or_default().to_owned()
    };
    for server in ["file", "api"] {
        let child = pid(server).await;
        let ours = i64::from(daemon.pid());
        let folder = |pid: i64| std::fs::read_link(format!("/proc/{pid}/cwd"));
        // Without `cwd` in its entry a program in a file starts where the daemon is, which root is told.
        if let Ok(ours) = folder(ours) {
            assert_eq!(folder(child).unwrap(), ours, "{server}");
        }
        assert_eq!(field(child, "Umask:"), "0077", "{server}");
        for same in ["Groups:", "Uid:", "Gid:"] {
            assert_eq!(field(child, same), field(ours, same), "{server}: {same}");
        }
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap();
        let rest = stat.rsplit_once(") ").unwrap().1;
        let group: i64 = rest.split(' ').nth(2).unwrap().parse().unwrap();
        assert_eq!(group, child, "{server} leads its group");
        let limits = std::fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
        let limit = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().to_owned()
        };
        assert_eq!(limit("Max core file size"), "0", "{server}");
        assert_eq!(limit("Max open files"), "1024", "{server}");
    }
    // A program that opens nothing itself.
    let fds = wait::until("the program that sleeps is there", SOON, async || {
        let all = daemon.sandbox().processes();
        let sleeps = all.into_iter().find(|process| process.command == "sleep 599")?;
        let entries = std::fs::read_dir(format!("/proc/{}/fd", sleeps.pid)).ok()?.flatten();
        let fds = entries.filter_map(|entry| {
            let target = std::fs::read_link(entry.path()).ok()?;
            Some((entry.file_name().into_string().ok()?, target.display().to_string()))
        });
        // It has opened its libraries before it began.
        let fds = fds.collect::<BTreeMap<_, _>>();
        fds.keys().eq(["0", "1", "2"]).then_some(fds)
    });
    let fds = fds.await.unwrap();
    assert!(fds.values().all(|target| target.starts_with("pipe:")), "{fds:?}");
    let file = daemon.sandbox().path("made-by-a-server");
    let reply = client(&daemon).call("file.count", json!({ "file": file })).await.unwrap();
    assert_ne!(reply.result().unwrap()["isError"], Value::Bool(true), "{}", reply.message);
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
}

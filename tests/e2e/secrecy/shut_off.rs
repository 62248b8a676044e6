//! Row S32, the daemon as a process: no core file, and nobody else reads its memory or environment.
//! They leave the limits of servers to `children.rs`.

use std::os::unix::fs::chown;
use std::sync::Arc;

use conductor_e2e::daemon::{Daemon, Options, command};
use conductor_e2e::sandbox::Sandbox;
use serde_json::json;

use super::canary;
use crate::world::{CONDUCTOR, mock, serve, wait_tools};

/// A user without rights; the tests must be root to become it.
const NOBODY: u32 = 65534;

#[tokio::test]
async fn s32_the_daemon_writes_no_core_file() {
    let daemon = serve(json!({})).await.unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().next(), Some("0"), "{core}");
}

#[tokio::test]
async fn s32_other_processes_of_the_same_user_cannot_look_into_the_daemon() {
    let reads = async |words: &[&str]| {
        let mut command = command("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).args(words);
        command.output().await
    };
    if !reads(&[CONDUCTOR, "--version"]).await.is_ok_and(|output| output.status.success()) {
        println!("skipped: another user cannot run the daemon here");
        return;
    }
    let sandbox = Arc::new(Sandbox::new().unwrap());
    chown(sandbox.folder(), Some(NOBODY), Some(NOBODY)).unwrap();
    let script = format!(
        "exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups {CONDUCTOR} serve \"$@\""
    );
    sandbox.write("serve", &script).unwrap();
    let settings = json!({ "mcpServers": { "a": mock(&[]) } });
    let options = Options {
        sandbox: Some(Arc::clone(&sandbox)),
        env: vec![("PLANTED".to_owned(), canary("environment"))],
        ..Options::default()
    };
    // `sh serve …`: the first argument of a daemon names the script.
    let daemon = Daemon::start("sh", settings, options).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    let pid = daemon.pid();
    for file in ["environ", "maps", "mem", "fd/0"] {
        let output = reads(&["head", "-c", "1", &format!("/proc/{pid}/{file}")]).await.unwrap();
        assert!(!output.status.success(), "{file} can be read");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("Permission denied"), "{file}: {told}");
    }
    let own = reads(&["cat", "/proc/self/environ"]).await.unwrap();
    assert!(own.status.success(), "what is refused is the daemon's, not every one's");
}

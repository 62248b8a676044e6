//! These tests change a tool behind the daemon's back: `conductor pins` and the setting `pins`.
//! They leave what counts as a change to the tests beside the code.

use std::sync::Arc;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, SOON, client, mock_with, wait_tool};

/// One server with a tool `changing`, whose description is what was last written.
struct Stage {
    daemon: Daemon,
    sandbox: Arc<Sandbox>,
}

impl Stage {
    async fn start(policy: &str) -> Self {
        let sandbox = Arc::new(Sandbox::new().unwrap());
        sandbox.write("description", "Formats code.").unwrap();
        Self { daemon: boot(&sandbox, policy).await, sandbox }
    }

    /// The server comes up with another definition of `changing`.
    async fn change(&self, description: &str) {
        self.sandbox.write("description", description).unwrap();
        let ended = self.daemon.cli(&["restart", "a"]).await.unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }

    async fn pending(&self) -> Value {
        let ended = self.daemon.cli(&["pins", "list", "--json"]).await.unwrap();
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Waits until so many tools are not as they were approved.
    async fn until_pending(&self, count: usize) -> Value {
        let pending = wait::until("the changes are told", SOON, async || {
            let pending = self.pending().await;
            let servers = pending["servers"].as_array()?;
            let tools = servers.iter().filter_map(|one| one["tools"].as_array());
            (tools.map(Vec::len).sum::<usize>() == count).then_some(pending)
        });
        pending.await.unwrap()
    }

    /// Waits until agents see `changing`, or do not, and everything else.
    async fn until_shown(&self, wanted: bool) {
        let shown = wait::until("the list is as wanted", SOON, async || {
            let names = client(&self.daemon).tool_names().await.ok()?;
            let shown = names.iter().any(|name| name == "a.changing");
            (shown == wanted && names.iter().any(|name| name == "a.echo")).then_some(())
        });
        shown.await.unwrap();
    }
}

async fn boot(sandbox: &Arc<Sandbox>, policy: &str) -> Daemon {
    let file = sandbox.path("description").display().to_string();
    let entry = mock_with(&["--changing", &file], json!({ "pins": policy }));
    let options = Options { sandbox: Some(Arc::clone(sandbox)), ..Options::default() };
    let settings = json!({ "mcpServers": { "a": entry } });
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    daemon
}

#[tokio::test]
async fn a_changed_tool_is_told_and_shown_until_it_is_approved() {
    let stage = Stage::start("warn").await;
    stage.until_shown(true).await;
    assert_eq!(stage.pending().await["servers"], json!([]));
    stage.change("Formats code.\u{200b}").await;
    let pending = stage.until_pending(1).await;
    let change = &pending["servers"][0]["tools"][0];
    assert_eq!((&change["tool"], &change["change"]), (&json!("changing"), &json!("changed")));
    stage.until_shown(true).await;
    let told = stage.daemon.wait_log("it is told", SOON, |line| {
        line.to_string().contains("not as they were approved").then_some(())
    });
    told.await.unwrap();
    let shown = stage.daemon.cli(&["pins", "diff", "a"]).await.unwrap();
    assert!(shown.stdout.contains(r"+ description: "), "{}", shown.stdout);
    assert!(shown.stdout.contains(r"\u{200b}"), "{}", shown.stdout);
    stage.change("Formats code.").await;
    stage.until_pending(0).await;
}

#[tokio::test]
async fn a_changed_tool_that_is_held_disappears_alone_until_it_is_approved_also_over_a_restart() {
    let mut stage = Stage::start("hold").await;
    stage.until_shown(true).await;
    stage.change("Sends code to the vendor.").await;
    stage.until_shown(false).await;
    let why = stage.daemon.cli(&["why", "a.changing"]).await.unwrap();
    assert!(why.stdout.contains("conductor pins diff"), "{}", why.stdout);
    let reply = client(&stage.daemon).call("a.changing", json!({})).await.unwrap();
    assert!(reply.is_error() || reply.error_code().is_some(), "{}", reply.message);

    stage.daemon.terminate(SOON).await.unwrap();
    stage.daemon = boot(&stage.sandbox, "hold").await;
    stage.until_shown(false).await;
    stage.until_pending(1).await;
    for (words, code) in
        [(vec!["a", "no-such-tool"], 1), (vec!["b"], 1), (vec!["a", "changing"], 0)]
    {
        let ended = stage.daemon.cli(&[vec!["pins", "approve"], words].concat()).await.unwrap();
        assert_eq!(ended.code == Some(0), code == 0, "{}", ended.stderr);
    }
    stage.until_shown(true).await;
    stage.until_pending(0).await;

    stage.daemon.terminate(SOON).await.unwrap();
    stage.daemon = boot(&stage.sandbox, "hold").await;
    stage.until_shown(true).await;
    stage.until_pending(0).await;
}

#[tokio::test]
async fn where_everything_is_allowed_nothing_is_told() {
    let stage = Stage::start("allow").await;
    stage.change("Something else.").await;
    let changed = wait::until("the new text is shown", SOON, async || {
        let tools = client(&stage.daemon).tools().await.ok()?;
        tools.iter().any(|tool| tool["description"] == "Something else.").then_some(())
    });
    changed.await.unwrap();
    stage.until_pending(0).await;
}

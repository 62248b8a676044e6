//! These tests end the daemon in every way and look at what is left.

use std::time::Duration;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::MARK;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{
    CONDUCTOR, SOON, client, journal, mock, mock_with, serve, wait_tool, wait_tools,
};

#[tokio::test]
async fn sigterm_leaves_no_process_and_exits_0() {
    let mut daemon = serve(json!({
        "plain": mock(&[]), "launched": mock(&["--launcher"]), "resting": { "command": "sh", "args": ["-c", "exit 1"] },
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["plain.echo", "launched.echo"]).await.unwrap();
    let sandbox = daemon.sandbox();
    assert!(sandbox.processes().len() >= 3, "{:?}", sandbox.processes());
    let status = daemon.terminate(SOON).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", daemon.log_tail(20));
    sandbox.expect_no_process(Duration::from_millis(500)).await.unwrap();
}

#[tokio::test]
async fn p59_p60_a_server_that_ends_with_its_input_is_sent_no_signal_if_it_takes_a_second_and_a_half()
 {
    let folder = tempfile::tempdir().unwrap();
    let journals = ["prompt", "slow"].map(|name| journal(&folder, name));
    let [prompt, slow] = journals.each_ref().map(|it| it.path().display().to_string());
    let mut daemon = serve(json!({
        "prompt": mock(&["--log", &prompt]), "slow": mock(&["--fault", "slow_end", "--log", &slow]),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["prompt.echo", "slow.echo"]).await.unwrap();
    assert_eq!(daemon.terminate(SOON).await.unwrap().code(), Some(0));
    for journal in &journals {
        let path = journal.path().display();
        assert_eq!(journal.of_kind("stdin_eof").len(), 1, "{path}");
        assert_eq!(journal.of_kind("signal"), [] as [Value; 0], "{path}");
        assert_eq!(journal.of_kind("exit")[0]["code"], 0, "{path}");
    }
}

#[tokio::test]
async fn p61_p62_p63_twenty_stubborn_servers_are_gone_within_the_grace_and_stop_no_other() {
    let grace = json!({ "stop": { "stdinGrace": "500ms", "termGrace": "500ms" } });
    let folder = tempfile::tempdir().unwrap();
    let willing = journal(&folder, "willing");
    let path = willing.path().display().to_string();
    let stubborn =
        |number| (format!("s{number}"), mock_with(&["--fault", "stubborn"], grace.clone()));
    let mut servers: serde_json::Map<String, Value> = (0..20).map(stubborn).collect();
    servers.insert("willing".to_owned(), mock(&["--log", &path]));
    let mut daemon = serve(Value::Object(servers)).await.unwrap();
    let mut names: Vec<String> = (0..20).map(|number| format!("s{number}.echo")).collect();
    names.push("willing.echo".to_owned());
    wait_tools(&daemon, &names.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let sandbox = daemon.sandbox();
    let begun = Instant::now();
    let status = daemon.terminate(SOON).await.unwrap();
    println!("20 stubborn servers: down after {:?}", begun.elapsed());
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(6));
    sandbox.expect_no_process(Duration::from_millis(500)).await.unwrap();
    assert_eq!(willing.of_kind("exit")[0]["code"], 0);
    assert_eq!(willing.of_kind("signal"), [] as [Value; 0], "as if the others were not there");
}

#[tokio::test]
async fn a_call_under_way_is_answered_before_the_end() {
    let mut daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let client = client(&daemon);
    let begun = Instant::now();
    let call = client.call("a.sleep", json!({ "ms": 1500 }));
    let end = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        daemon.terminate(SOON).await
    };
    let (reply, status) = tokio::join!(call, end);
    assert!(!reply.unwrap().is_error());
    assert_eq!(status.unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut daemon = serve(json!({ "a": mock(&["--fault", "stubborn"]) })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let client = client(&daemon);
    let sandbox = daemon.sandbox();
    let call = client.call("a.sleep", json!({ "ms": 60_000 }));
    let end = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        daemon.signal(Signal::INT).unwrap();
        daemon
            .wait_log("the first signal is seen", SOON, |line| {
                line.to_string().contains("shutting down").then_some(())
            })
            .await
            .unwrap();
        daemon.signal(Signal::INT).unwrap();
        let begun = Instant::now();
        daemon.wait_end(SOON).await.unwrap();
        begun.elapsed()
    };
    let (_, taken) = tokio::join!(call, end);
    println!("second signal: down after {taken:?}");
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    sandbox.expect_no_process(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test]
async fn two_daemons_never_share_a_state_directory() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let options = Options { sandbox: Some(daemon.sandbox()), ..Options::default() };
    let second = Daemon::start(CONDUCTOR, json!({ "mcpServers": {} }), options).await;
    let error = second.unwrap_err().to_string();
    assert!(error.contains(&daemon.pid().to_string()), "names the holder: {error}");
    let reply = client(&daemon).call("a.echo", json!({ "text": "still" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "still");
}

#[tokio::test]
async fn a_taken_port_is_named_and_nothing_is_left() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let sandbox = std::sync::Arc::new(conductor_e2e::sandbox::Sandbox::new().unwrap());
    let options = Options {
        args: vec!["--listen".to_owned(), addr.clone()],
        sandbox: Some(sandbox.clone()),
        ..Options::default()
    };
    let started =
        Daemon::start(CONDUCTOR, json!({ "mcpServers": { "a": mock(&[]) } }), options).await;
    let error = started.unwrap_err().to_string();
    assert!(error.contains(&addr), "{error}");
    sandbox.expect_no_process(Duration::from_secs(1)).await.unwrap();
    assert!(!sandbox.mark().is_empty() && !MARK.is_empty());
}

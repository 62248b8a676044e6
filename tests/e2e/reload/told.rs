//! These tests look at what is said and recorded of new settings (rows P45 to P47, P50, P51, P57, P69),
//! and at what becomes of servers that are hard to end or to start meanwhile (P52 to P55, P58).

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::rest::Api;
use http::Method;
use serde_json::{Value, json};

use super::{daemon, gone, pid, record, settings, wait_record, write};
use crate::world::{CONDUCTOR, SOON, client, mock, mock_with, status, wait_status, wait_tools};

const CONFIG: &str = "/api/v1/aegis/config";

async fn ask(api: &mut Api, method: Method, path: &str) -> Value {
    api.ask(method, path, &[], String::new()).await.unwrap().with(200)
}

#[tokio::test]
async fn p51_p57_a_reload_is_logged_with_its_counts_and_names_in_order() {
    let daemon = daemon(json!({ "b": mock(&[]), "a": mock(&[]) }), false).await.unwrap();
    write(&daemon, json!({ "d": mock(&[]), "c": mock(&[]), "b": mock(&[]) }));
    assert_eq!(daemon.cli(&["reload"]).await.unwrap().code, Some(0));
    let line = daemon.wait_log("the summary", SOON, |line| {
        let fields = line.get("fields").unwrap_or(line);
        (fields["message"] == "settings taken over").then(|| fields.clone())
    });
    let told = line.await.unwrap();
    assert_eq!((&told["active"], &told["kept"]), (&json!(3), &json!(1)), "{told}");
    assert_eq!(told["added"], r#"["c", "d"]"#, "{told}");
    assert_eq!(told["removed"], r#"["a"]"#, "{told}");
}

#[tokio::test]
async fn p46_p47_p69_the_record_is_the_same_over_rest_and_what_runs_is_what_the_file_says() {
    let daemon = daemon(json!({ "a": mock(&[]) }), false).await.unwrap();
    let mut api = Api::of(&daemon).await.unwrap();
    let first = ask(&mut api, Method::GET, CONFIG).await;
    assert_eq!((&first["attempts"], &first["last_attempt"]), (&json!(0), &Value::Null), "{first}");

    write(&daemon, json!({ "a": mock(&[]), "broken": { "command": ["/no/such/program"] } }));
    let planned = ask(&mut api, Method::GET, &format!("{CONFIG}/plan")).await;
    assert_eq!(planned["add"], json!(["broken"]));
    let done = ask(&mut api, Method::POST, &format!("{CONFIG}/reload")).await;
    assert_eq!(done, planned);
    let second = ask(&mut api, Method::GET, CONFIG).await;
    assert_eq!((&second["attempts"], &second["successes"]), (&json!(1), &json!(1)), "{second}");
    assert!(second["last_success"].is_string() && second["last_error"].is_null(), "{second}");
    assert_eq!(second["last_plan"]["add"], 1, "{second}");

    daemon.sandbox().write("conductor.json", r#"{ "mcpServers": { "a": 7 } }"#).unwrap();
    let path = format!("{CONFIG}/reload");
    let refused = api.ask(Method::POST, &path, &[], String::new()).await.unwrap().with(422);
    assert_eq!(refused["problems"][0]["key"], "mcpServers.a", "{refused}");
    let third = ask(&mut api, Method::GET, CONFIG).await;
    assert_eq!((&third["attempts"], &third["successes"]), (&json!(2), &json!(1)), "{third}");
    assert_eq!(third["last_error"]["problems"][0]["key"], "mcpServers.a", "{third}");
    assert_eq!(third["last_success"], second["last_success"]);
    assert_eq!(record(&daemon).await.unwrap(), third, "status says the same");

    // What is listed is what came up; what did not is in the status, with the reason.
    wait_status(&daemon, "broken", |row| row["state"] == "backoff").await.unwrap();
    let tools = client(&daemon).tool_names().await.unwrap();
    assert!(tools.iter().all(|tool| tool.starts_with("a.")), "{tools:?}");
    let rows = api.get("").await.unwrap().with(200);
    let rows = rows["connections"].as_array().unwrap().clone();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["a", "broken"]);
    assert!(rows[1]["last_error"].to_string().contains("/no/such/program"), "{rows:?}");
}

#[tokio::test]
async fn p45_the_status_of_a_server_that_nobody_knows_is_an_answer() {
    let daemon = daemon(json!({ "a": mock(&[]) }), false).await.unwrap();
    let told = daemon.cli(&["status", "nobody"]).await.unwrap();
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("nobody"), "{}", told.stderr);
    let mut api = Api::of(&daemon).await.unwrap();
    let told = api.get("/default/nobody").await.unwrap().with(404);
    assert_eq!(told["reason"], "unknown_server");
    let known = api.get("/default/a").await.unwrap().with(200);
    assert!(known["state"].is_string() && known["health"].is_string(), "{known}");
    assert!(known.get("last_error").is_some(), "{known}");
}

#[tokio::test]
async fn p52_p53_p55_what_is_hard_to_end_or_cannot_start_fails_no_reload() {
    let stop = json!({ "stop": { "stdinGrace": "200ms", "termGrace": "200ms" } });
    let stubborn = mock_with(&["--fault", "stubborn"], stop);
    let servers = json!({ "goes": stubborn, "turns": mock(&[]), "stays": mock(&[]) });
    let daemon = daemon(servers, false).await.unwrap();
    wait_tools(&daemon, &["goes.echo", "turns.echo", "stays.echo"]).await.unwrap();
    let (turns, stays) = (pid(&daemon, "turns").await, pid(&daemon, "stays").await);
    write(
        &daemon,
        json!({
            "turns": mock_with(&[], json!({ "env": { "NEW": "value" } })),
            "stays": mock(&[]),
            "broken": { "command": ["/no/such/program"] },
        }),
    );
    let done = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "add      broken\nremove   goes\nrestart  turns\nkeep     1 server\n"),
        "{}",
        done.stderr
    );
    gone(&daemon, "goes").await;
    wait_status(&daemon, "turns", |row| row["state"] == "running" && row["pid"] != turns)
        .await
        .unwrap();
    let broken = wait_status(&daemon, "broken", |row| row["state"] == "backoff").await.unwrap();
    assert!(broken["last_error"].to_string().contains("/no/such/program"), "{broken}");
    assert_eq!(pid(&daemon, "stays").await, stays);
    assert!(status(&daemon, "goes").await.is_err());
    let left: Vec<_> = daemon.sandbox().processes();
    let stubborn = left.iter().filter(|process| process.command.contains("stubborn")).count();
    assert_eq!(stubborn, 0, "{left:?}");
}

#[tokio::test]
async fn p58_reloads_that_are_asked_for_at_once_come_one_after_the_other_and_the_last_holds() {
    let daemon = daemon(json!({ "a": mock(&[]) }), false).await.unwrap();
    let before = pid(&daemon, "a").await;
    for round in 0..5 {
        let name = format!("b{round}");
        let mut servers = json!({ "a": mock(&[]) });
        servers[&name] = mock(&[]);
        write(&daemon, servers);
        let ask = || daemon.cli(&["reload"]);
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        for done in [first, second, third] {
            let done = done.unwrap();
            assert_eq!(done.code, Some(0), "{}", done.stderr);
        }
        wait_tools(&daemon, &[&format!("{name}.echo")]).await.unwrap();
    }
    for round in 0..4 {
        gone(&daemon, &format!("b{round}")).await;
    }
    assert_eq!(pid(&daemon, "a").await, before);
    let record = record(&daemon).await.unwrap();
    // Those that wait for the same one are answered by it.
    assert!((5..=15).contains(&record["attempts"].as_u64().unwrap()), "{record}");
    assert_eq!(record["attempts"], record["successes"], "{record}");
}

#[tokio::test]
async fn a_server_that_changed_settings_do_not_bring_up_goes_on_with_its_former_ones_if_asked_to() {
    let held = |a: Value| {
        let mut all = settings(json!({ "a": a, "b": mock(&[]) }), false);
        all["reload"]["rollback"] = json!(true);
        all
    };
    let begun = Daemon::start(CONDUCTOR, held(mock(&[])), Options::default());
    let daemon = begun.await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    let b = pid(&daemon, "b").await;

    daemon.sandbox().write_settings(held(mock(&["--fault", "crash_start"]))).unwrap();
    let done = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(done.stdout, "restart  a\nkeep     1 server\n", "{}", done.stderr);
    let told = |record: &Value| record["warnings"].to_string().contains("former settings");
    let record = wait_record(&daemon, "the fallback", told).await;
    let warning = record["warnings"][0].as_str().unwrap();
    assert!(warning.contains("server a runs") && warning.contains("code 1"), "{warning}");
    wait_status(&daemon, "a", |row| row["state"] == "running").await.unwrap();
    let reply = client(&daemon).call("a.echo", json!({ "text": "as before" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "as before");
    assert_eq!(pid(&daemon, "b").await, b);

    // The file still says what does not work, and is told so.
    let again = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(again.stdout, "nothing changes, 2 servers kept\n", "{}", again.stderr);
    assert!(again.stderr.contains("former settings"), "{}", again.stderr);

    daemon.sandbox().write_settings(held(mock(&["--name", "mended"]))).unwrap();
    let mended = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(mended.stdout, "restart  a\nkeep     1 server\n", "{}", mended.stderr);
    wait_status(&daemon, "a", |row| row["state"] == "running").await.unwrap();
    let record = super::record(&daemon).await.unwrap();
    assert_eq!(record["warnings"], json!([]), "{record}");
}

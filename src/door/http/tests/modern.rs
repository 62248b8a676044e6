//! This file is about clients of revisions without a handshake.

use super::*;

const LIST: [&str; 2] = [MODERN, "Mcp-Method: tools/list"];
const CALL: [&str; 2] = [MODERN, "Mcp-Method: tools/call"];

fn modern(id: &str, tool: &str, more: &str) -> String {
    call(id, tool, &format!(",{META}{more}"))
}

#[tokio::test]
async fn a_client_discovers_lists_and_calls_without_a_session() {
    let open = Open::with_server().await;
    let discover = ask("1", "server/discover", META);
    let headers = [MODERN, "Mcp-Method: server/discover"];
    let answer = open.post("/mcp", &headers, &discover).await.response().await;
    let result = &answer.json()["result"];
    assert_eq!(result["supportedVersions"], serde_json::json!(["2026-07-28"]));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcp-conductor");
    assert_eq!(answer.header("mcp-session-id"), None);
    let answer = open.post("/mcp", &LIST, &ask("2", "tools/list", META)).await.response().await;
    assert_eq!(answer.json()["result"]["resultType"], "complete");
    let headers = [CALL[0], CALL[1], "Mcp-Name: t.count", "Mcp-Session-Id: nobodys"];
    let answer = open.post("/mcp", &headers, &modern("3", "t.count", "")).await.response().await;
    assert_eq!(answer.json()["result"]["resultType"], "complete");
    assert_eq!(answer.json()["result"]["content"][0]["text"], "0");
}

#[tokio::test]
async fn each_contradiction_has_its_code() {
    let open = Open::with_server().await;
    let count = modern("1", "t.count", "");
    let unknown = ask("1", "no/such", META);
    let bare = ask("1", "tools/list", "");
    let future = ask("1", "tools/list", &META.replace("2026-07-28", "2099-01-01"));
    let cases: &[(&[&str], &str, u16, i64)] = &[
        (&CALL, &count, 400, -32020),
        (&[CALL[0], CALL[1], "Mcp-Name: t.die"], &count, 400, -32020),
        (&[CALL[0], CALL[1], "Mcp-Name: =?base64?dC5kaWU=?="], &count, 400, -32020),
        (&[MODERN, "Mcp-Method: tools/list", "Mcp-Name: t.count"], &count, 400, -32020),
        (&["Mcp-Method: tools/call", "Mcp-Name: t.count"], &count, 400, -32020),
        (&LIST, &bare, 400, -32602),
        (&["MCP-Protocol-Version: 2099-01-01", "Mcp-Method: tools/list"], &future, 400, -32022),
        (&[MODERN, "Mcp-Method: no/such"], &unknown, 404, -32601),
    ];
    for (headers, body, status, code) in cases {
        let answer = open.post("/mcp", headers, body).await.response().await;
        let found = (answer.status, answer.json()["error"]["code"].as_i64());
        assert_eq!(found, (*status, Some(*code)), "{headers:?} {body}");
    }
    let coded = [CALL[0], CALL[1], "Mcp-Name: =?base64?dC5jb3VudA==?="];
    assert_eq!(open.post("/mcp", &coded, &count).await.response().await.status, 200);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_call_back() {
    let open = Open::with_server().await;
    let hang = [CALL[0], CALL[1], "Mcp-Name: t.hang"];
    let count = [CALL[0], CALL[1], "Mcp-Name: t.count"];
    // Once as one answer, once as a stream that progress could come on.
    for (token, expected) in [("", "1"), (r#","progressToken":1"#, "2")] {
        let meta = META.replace("Capabilities\":{}", &format!("Capabilities\":{{}}{token}"));
        let body = call("1", "t.hang", &format!(",{meta}"));
        let hanging = open.post("/mcp", &hang, &body).await;
        let in_flight =
            || open.fixture.system.board().current().servers.values().next().unwrap().in_flight();
        timeout(SOON, async {
            while in_flight() == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        drop(hanging);
        timeout(SOON, async {
            loop {
                let body = modern("2", "t.count", "");
                let answer = open.post("/mcp", &count, &body).await.response().await;
                if answer.json()["result"]["content"][0]["text"] == expected {
                    break;
                }
            }
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_listener_hears_of_changes_and_is_ended_in_order() {
    let open = Open::with_server().await;
    let listen = |accept| {
        ["Content-Type: application/json", accept, MODERN, "Mcp-Method: subscriptions/listen"]
    };
    let body = ask(
        "\"L\"",
        "subscriptions/listen",
        &format!(r#""notifications":{{"toolsListChanged":true}},{META}"#),
    );
    let json = listen("Accept: application/json");
    assert_eq!(open.send("POST /mcp", &json, &body).await.response().await.status, 406);
    let both = listen("Accept: application/json, text/event-stream");
    let mut wire = open.send("POST /mcp", &both, &body).await;
    wire.hear("notifications/subscriptions/acknowledged").await;
    let grow = [CALL[0], CALL[1], "Mcp-Name: t.grow"];
    open.post("/mcp", &grow, &modern("1", "t.grow", "")).await.response().await;
    wire.hear("notifications/tools/list_changed").await;
    open.shutdown.cancel();
    let read = wire.hear(r#""resultType":"complete""#).await;
    assert_eq!(
        read.matches(r#""io.modelcontextprotocol/subscriptionId":"L""#).count(),
        3,
        "{read}"
    );
    timeout(SOON, open.door).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn the_door_closes_when_what_is_under_way_has_ended() {
    let open = Open::with_server().await;
    let session = open.session("2025-11-25").await;
    let mut idle = open.post("/mcp", &[&session], &ask("1", "ping", "")).await;
    idle.response().await;
    let mut stream = open.send("GET /mcp", &[&session, "Accept: text/event-stream"], "").await;
    assert_eq!(stream.status().await, 200);
    open.shutdown.cancel();
    // The listener is the door's own and ended with it. Nobody may be asked at its address, which may be
    // that of another test by now.
    timeout(SOON, open.door).await.unwrap().unwrap().unwrap();
}

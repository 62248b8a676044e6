//! This test goes through all features in all pairs of kinds of revisions, one line a feature.
//! Ways in, details and numbers are left to the files of the features; tasks have a matrix of their own in `tasks/`.

use conductor_e2e::client::{Client, LEGACY, Reply};
use conductor_e2e::daemon::Daemon;
use conductor_e2e::journal::Journal;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::asking::{able, ask_http, ask_modern, told};
use crate::hearing::{Ear, Way};
use crate::world::{SOON, journal, mock, serve, wait_tools};

/// What becomes of each feature: older client with older and newer server, newer client with the same.
const TABLE: [(&str, [&str; 4]); 18] = [
    ("tool", ["x"; 4]),
    ("no such tool", ["-32602"; 4]),
    ("structured result", ["9.0"; 4]),
    ("form", ["accept"; 4]),
    ("url", ["accept"; 4]),
    ("sampling", ["assistant"; 4]),
    ("roots", ["file:///work"; 4]),
    ("form that the client cannot fill in", ["refused", "refused", "-32021", "-32021"]),
    ("resource", ["read"; 4]),
    ("no such resource", ["-32002", "-32002", "-32602", "-32602"]),
    ("subscription", ["updated"; 4]),
    ("prompt", ["hello"; 4]),
    ("completion", ["Ada Alan"; 4]),
    ("progress", ["1 2 3"; 4]),
    ("cancellation", ["told"; 4]),
    ("log level", ["warning"; 4]),
    ("list changed", ["told"; 4]),
    ("unknown method", ["-32601"; 4]),
];

/// One pair.
struct Pair<'a> {
    daemon: &'a Daemon,
    server: &'a str,
    book: &'a Journal,
    modern: bool,
}

#[tokio::test]
async fn every_feature_in_every_pair_of_revisions() {
    let folder = tempfile::tempdir().unwrap();
    let books = [journal(&folder, "old.log"), journal(&folder, "new.log")];
    let server = |era: &str, book: &Journal| {
        let log = book.path().display().to_string();
        mock(&["--library", "--tells", "--era", era, "--log", &log])
    };
    let (old, new) = (server("legacy", &books[0]), server("modern", &books[1]));
    let daemon = serve(json!({ "old": old, "new": new })).await.unwrap();
    wait_tools(&daemon, &["old.ask", "new.ask"]).await.unwrap();
    let mut wrong = Vec::new();
    for (feature, expected) in TABLE {
        for (column, expected) in expected.into_iter().enumerate() {
            let (modern, server) = (column / 2 == 1, ["old", "new"][column % 2]);
            let pair = Pair { daemon: &daemon, server, book: &books[column % 2], modern };
            let found = timeout(SOON * 3, pair.found(feature)).await;
            let found = found.unwrap_or_else(|_| "nothing in time".to_owned());
            if found != expected {
                let client = if modern { "newer" } else { "older" };
                wrong
                    .push(format!("{feature}: {client} client, {server}: {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

impl Pair<'_> {
    async fn client(&self) -> Client {
        match self.modern {
            true => Client::modern(self.daemon.addr(), "/mcp"),
            false => Client::legacy_with(self.daemon.addr(), "/mcp", LEGACY, able()).await.unwrap(),
        }
    }

    fn tool(&self, name: &str) -> String {
        format!("{}.{name}", self.server)
    }

    async fn call(&self, tool: &str, arguments: Value) -> Reply {
        self.client().await.call(&self.tool(tool), arguments).await.unwrap()
    }

    async fn request(&self, method: &str, params: Value) -> Reply {
        self.client().await.request(method, params).await.unwrap()
    }

    async fn found(&self, feature: &str) -> String {
        match feature {
            "tool" => said(&self.call("echo", json!({ "text": "x" })).await),
            "no such tool" => said(&self.call("none", json!({})).await),
            "structured result" => {
                let reply = self.call("structured", json!({ "n": 3 })).await;
                reply.message["result"]["structuredContent"]["square"].to_string()
            }
            "form" | "url" | "sampling" | "roots" => self.asked(feature).await,
            "form that the client cannot fill in" => self.unable().await,
            "resource" => {
                let uri = format!("note://{}/main/one", self.server);
                let reply = self.request("resources/read", json!({ "uri": uri })).await;
                let read = reply.message["result"]["contents"][0].is_object();
                if read { "read".to_owned() } else { said(&reply) }
            }
            "no such resource" => {
                let uri = format!("nowhere://{}/x", self.server);
                said(&self.request("resources/read", json!({ "uri": uri })).await)
            }
            "subscription" => self.updated().await,
            "prompt" => {
                let params = json!({ "name": self.tool("greet"), "arguments": { "name": "Ada" } });
                let reply = self.request("prompts/get", params).await;
                let greeted = reply.message["result"]["messages"].to_string().contains("Ada");
                if greeted { "hello".to_owned() } else { said(&reply) }
            }
            "completion" => {
                let reference = json!({ "type": "ref/prompt", "name": self.tool("greet") });
                let argument = json!({ "name": "name", "value": "A" });
                let params = json!({ "ref": reference, "argument": argument });
                let reply = self.request("completion/complete", params).await;
                words(&reply.message["result"]["completion"]["values"])
            }
            "progress" => self.progress().await,
            "cancellation" => self.cancelled().await,
            "log level" => self.logged().await,
            "list changed" => self.list_changed().await,
            "unknown method" => said(&self.request("no/such", json!({})).await),
            other => panic!("nobody knows how to try {other}"),
        }
    }

    /// What the server is told by a client that can do everything.
    async fn asked(&self, kind: &str) -> String {
        let (client, arguments) = (self.client().await, json!({ "kinds": [kind] }));
        let answer = match self.modern {
            true => ask_modern(&client, &self.tool("ask"), &arguments).await.0,
            false => ask_http(&client, &self.tool("ask"), arguments).await,
        };
        let told = told(&answer["result"])[kind].clone();
        let parts = [&told["action"], &told["role"], &told["roots"][0]["uri"], &told["code"]];
        let part = parts.into_iter().find(|part| !part.is_null()).unwrap_or(&told);
        part.as_str().map_or_else(|| part.to_string(), str::to_owned)
    }

    /// What becomes of a call that must ask a client which cannot be asked.
    async fn unable(&self) -> String {
        let client = match self.modern {
            true => Client::modern(self.daemon.addr(), "/mcp"),
            false => Client::legacy(self.daemon.addr(), "/mcp").await.unwrap(),
        };
        let arguments = json!({ "kinds": ["form"], "must": true });
        let reply = client.call(&self.tool("ask"), arguments).await.unwrap();
        let result = &reply.message["result"];
        match () {
            () if result.get("inputRequests").is_some() => "input".to_owned(),
            () if result["isError"] == true => "refused".to_owned(),
            () => said(&reply),
        }
    }

    async fn updated(&self) -> String {
        let uri = format!("note://{}/main/one", self.server);
        let (mut ear, agreed) = Ear::of(self.daemon, Way::Http, self.modern, &[&uri]).await;
        assert_eq!(agreed, json!([uri]));
        self.call("touch", json!({ "uri": "note://main/one" })).await;
        assert_eq!(ear.updated().await, uri);
        "updated".to_owned()
    }

    async fn progress(&self) -> String {
        let mut params = json!({ "name": self.tool("progress"), "arguments": { "steps": 3 } });
        params["_meta"]["progressToken"] = json!("mine");
        let reply = self.request("tools/call", params).await;
        let steps: Vec<String> = reply
            .before
            .iter()
            .filter(|message| message["params"]["progressToken"] == "mine")
            .map(|message| message["params"]["progress"].to_string())
            .collect();
        steps.join(" ")
    }

    async fn cancelled(&self) -> String {
        let before = self.book.received("notifications/cancelled").len();
        let calls = self.book.received("tools/call").len();
        let client = self.client().await;
        let mut params = json!({ "name": self.tool("sleep"), "arguments": { "ms": 60_000 } });
        params["_meta"]["progressToken"] = json!(1); // so that it is a stream from the beginning
        let exchange = client.begin("tools/call", params).await.unwrap();
        let called = |_: &[Value]| (self.book.received("tools/call").len() > calls).then_some(());
        self.book.wait("the call", SOON, called).await.unwrap();
        if self.modern {
            drop(exchange);
        } else {
            let taken_back = json!({ "requestId": exchange.id });
            client.notify("notifications/cancelled", taken_back).await.unwrap();
        }
        let told = |_: &[Value]| {
            (self.book.received("notifications/cancelled").len() > before).then_some(())
        };
        self.book.wait("the server is told", SOON, told).await.unwrap();
        "told".to_owned()
    }

    /// The levels that a client hears which wants warnings.
    async fn logged(&self) -> String {
        let (client, mut heard) = (self.client().await, Vec::new());
        if !self.modern {
            client.request("logging/setLevel", json!({ "level": "warning" })).await.unwrap();
        }
        for level in ["info", "warning"] {
            let arguments = json!({ "level": level, "data": 1, "ms": 20 });
            let mut params = json!({ "name": self.tool("log"), "arguments": arguments });
            if self.modern {
                params["_meta"]["io.modelcontextprotocol/logLevel"] = json!("warning");
            }
            let before = client.request("tools/call", params).await.unwrap().before;
            heard.extend(before.iter().map(|message| message["params"]["level"].clone()));
        }
        words(&json!(heard))
    }

    async fn list_changed(&self) -> String {
        let client = self.client().await;
        let mut ear = match self.modern {
            true => {
                let filter = json!({ "notifications": { "toolsListChanged": true } });
                let mut listening = client.begin("subscriptions/listen", filter).await.unwrap();
                listening.answer.next().await.unwrap().expect("an acknowledgement");
                Ear::Listening(listening)
            }
            false => {
                client.tools().await.unwrap();
                let stream = client.listen().await.unwrap();
                Ear::Session(client, stream)
            }
        };
        let era = if self.modern { "newer" } else { "older" };
        self.call("add_tool", json!({ "name": format!("for_{era}") })).await;
        let told = ear.next(SOON).await.expect("news");
        assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
        "told".to_owned()
    }
}

/// A tool's text, or the code of an error.
fn said(reply: &Reply) -> String {
    match reply.error_code() {
        Some(code) => code.to_string(),
        None => reply.text().unwrap_or("no text").to_owned(),
    }
}

fn words(list: &Value) -> String {
    let words = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(" ")
}

//! These tests send results and errors of all kinds of requests through the gateway.
//! They leave lists to `lists`.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{Way, any_json, daemons, some, squeezed, ways};

/// Answers that are tried on each way, to each kind of request.
const CASES: usize = 4;
/// What members are called that mean something one level further up.
const ALIKE: &str =
    r#"{"resultType":7,"ttlMs":1.50,"cacheScope":"public","inputRequests":{},"code":-32002}"#;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Tool,
    Prompt,
    Resource,
    Completion,
}

const KINDS: [Kind; 4] = [Kind::Tool, Kind::Prompt, Kind::Resource, Kind::Completion];

impl Kind {
    fn method(self) -> &'static str {
        match self {
            Self::Tool => "tools/call",
            Self::Prompt => "prompts/get",
            Self::Resource => "resources/read",
            Self::Completion => "completion/complete",
        }
    }

    /// Parameters of a request that wants this answer.
    fn params(self, way: &Way, server: &str, answer: &str) -> Value {
        let mut params = match self {
            Self::Tool => json!({ "name": way.named(server, "echo"), "arguments": {} }),
            Self::Prompt => json!({ "name": way.named(server, "greet") }),
            Self::Resource => json!({ "uri": shown(way, server) }),
            Self::Completion => json!({
                "ref": { "type": "ref/prompt", "name": way.named(server, "greet") },
                "argument": { "name": "name", "value": "A" },
            }),
        };
        params["_meta"]["mock/answer"] = answer.into();
        params
    }

    /// A result that says `uri` and `any`.
    fn result(self, uri: &str, any: &str) -> String {
        let link = format!(
            r#"{{"x":{any},"type":"resource_link","alike":{ALIKE},"uri":"{uri}","name":"3"}}"#
        );
        match self {
            Self::Tool => format!(
                r#""content":[{link}],"structuredContent":{{"v":{any}}},"isError":false,"_meta":{{"x/y":{any}}}"#
            ),
            Self::Prompt => format!(
                r#""messages":[{{"role":"user","x":{any},"content":{link}}}],"description":"\u00e9""#
            ),
            Self::Resource => format!(
                r#""contents":[{{"uri":"{uri}","text":"","alike":{ALIKE},"_meta":{{"x/y":{any}}}}}],"x-z":{any}"#
            ),
            Self::Completion => format!(
                r#""completion":{{"values":["a"],"total":18446744073709551616,"x":{any},"alike":{ALIKE}}},"x-z":{any}"#
            ),
        }
    }

    /// What a newer server's result begins with.
    fn typed(self) -> &'static str {
        match self {
            Self::Resource => r#""resultType":"complete","ttlMs":5,"cacheScope":"public","#,
            _ => r#""resultType":"complete","#,
        }
    }

    /// What an older server's result begins with for a newer client.
    fn added(self) -> &'static str {
        match self {
            Self::Resource => r#""resultType":"complete","ttlMs":0,"cacheScope":"private","#,
            _ => r#""resultType":"complete","#,
        }
    }
}

/// The address `urn:mock:three` of `server`.
fn shown(way: &Way, server: &str) -> String {
    let own = "urn:mock:three";
    if way.merged { format!("mcpgw://{server}/{own}") } else { own.to_owned() }
}

/// Asks for an answer and compares what comes.
async fn check(way: &mut Way, server: &str, kind: Kind, sent: &str, wanted: &str) {
    let params = kind.params(way, server, sent);
    let found = way.door.asked(7, kind.method(), params).await;
    let wanted = format!(r#"{{"jsonrpc":"2.0","id":7,{wanted}}}"#);
    assert_eq!(squeezed(&found), squeezed(&wanted), "{kind:?} of {}", way.name);
}

#[tokio::test]
async fn results_of_all_kinds_reach_every_client_with_all_their_members() {
    let (daemon, _elsewhere) = daemons(&["--library"], "echo").await;
    let (mut runner, any) = (TestRunner::deterministic(), any_json());
    for server in ["old", "new", "far-old", "far-new"] {
        for modern in [false, true] {
            for mut way in ways(&daemon, server, modern).await {
                for (kind, _) in
                    KINDS.into_iter().flat_map(|kind| (0..CASES).map(move |n| (kind, n)))
                {
                    let any = some(&mut runner, &any);
                    let newer = server.ends_with("new");
                    let sent = if newer { kind.typed() } else { "" };
                    let wanted = match (newer, modern) {
                        (_, false) => "",
                        (true, true) => kind.typed(),
                        (false, true) => kind.added(),
                    };
                    let sent =
                        format!(r#""result":{{{sent}{}}}"#, kind.result("urn:mock:three", &any));
                    let shown = shown(&way, server);
                    let wanted = format!(r#""result":{{{wanted}{}}}"#, kind.result(&shown, &any));
                    check(&mut way, server, kind, &sent, &wanted).await;
                }
            }
        }
    }
}

/// An error of this code.
fn error(code: &str, uri: &str, any: &str) -> String {
    format!(
        r#""error":{{"x-z":{any},"message":"no \u00e9 here","code":{code},"data":{{"uri":"{uri}","x":{any},"alike":{ALIKE}}}}}"#,
    )
}

#[tokio::test]
async fn errors_reach_every_client_with_all_their_members() {
    let (daemon, _elsewhere) = daemons(&["--library"], "echo").await;
    let (mut runner, any) = (TestRunner::deterministic(), any_json());
    let codes = prop_oneof![
        Just("-32603".to_owned()),
        Just("-32000".to_owned()),
        Just("-1".to_owned()),
        Just("not found".to_owned()),
        "[1-9][0-9]{0,30}",
    ];
    for server in ["old", "new", "far-old", "far-new"] {
        for modern in [false, true] {
            for mut way in ways(&daemon, server, modern).await {
                for (kind, _) in
                    KINDS.into_iter().flat_map(|kind| (0..CASES).map(move |n| (kind, n)))
                {
                    let (any, code) = (some(&mut runner, &any), some(&mut runner, &codes));
                    let missing = |older: bool| match older && kind == Kind::Resource {
                        true => "-32002",
                        false => "-32602",
                    };
                    let is_missing = code == "not found";
                    let said = |older| if is_missing { missing(older) } else { &code };
                    let sent = error(said(server.ends_with("old")), "urn:mock:three", &any);
                    let wanted = error(said(!modern), &shown(&way, server), &any);
                    check(&mut way, server, kind, &sent, &wanted).await;
                }
            }
        }
    }
}

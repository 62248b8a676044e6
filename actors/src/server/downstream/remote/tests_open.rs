//! Opening sessions with remote servers of all kinds, on loopback.
//! What is done in a session is not looked at here.

use std::sync::atomic::{AtomicU32, Ordering};

use conductor_config::{ProtocolMode, Reach, RemoteKind, RemoteSpec};
use tokio::net::TcpListener;

use super::Trust;
use super::tests_server::{
    Reply, Seen, Site, event, legacy, modern, one_stream, open, open_as, spec,
};
use crate::model::Cause;
use crate::wire::Hop;

/// What comes of opening a session, in short.
async fn opened(spec: &RemoteSpec) -> String {
    match open(spec).await {
        Ok(guest) => {
            let kind = if guest.0.lane.hop() == Hop::Modern { "modern" } else { "legacy" };
            format!("{kind} {}", guest.0.version)
        }
        Err(cause) => format!("{}: {cause}", cause.code()),
    }
}

/// What comes of a server that answers with `handler`, and what it was asked.
async fn tried(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (String, Vec<String>) {
    let mut site = Site::start(handler).await;
    let found = opened(&spec(&site.url(), &[])).await;
    (found, site.methods())
}

#[tokio::test]
async fn a_modern_server_is_recognised_by_one_question() {
    let (found, asked) = tried(modern(|_| Reply::status(500))).await;
    assert_eq!(found, "modern 2026-07-28");
    assert_eq!(asked[0], "server/discover");
    assert!(!asked.contains(&"initialize".to_owned()), "{asked:?}");
}

type Answering = Box<dyn Fn(&Seen) -> Reply + Send + Sync>;

#[tokio::test]
async fn whatever_else_is_said_to_that_question_means_an_older_server() {
    let error = |code: i32| {
        move |seen: &Seen| {
            let error = format!(r#"{{"code":{code},"message":"no"}}"#);
            Reply::json(format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, seen.body["id"]))
        }
    };
    let old = |seen: &Seen| Reply::json(seen.result(r#"{"supportedVersions":["2025-06-18"]}"#));
    let page = |_: &Seen| {
        Reply::Whole(200, "content-type: text/html\r\n".into(), "<html>hello</html>".into())
    };
    let answers: [Answering; 9] = [
        Box::new(|_| Reply::status(400)),
        Box::new(|_| Reply::status(404)),
        Box::new(|_| Reply::status(405)),
        Box::new(|_| Reply::status(500)),
        Box::new(error(-32601)),
        Box::new(error(-32022)),
        Box::new(old),
        Box::new(page),
        Box::new(|_| Reply::status(202)),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let server = legacy(|_| Reply::status(500));
        let (found, asked) = tried(move |seen| match seen.method() {
            "server/discover" => answer(seen),
            _ => server(seen),
        })
        .await;
        assert_eq!(found, "legacy 2025-11-25", "answer {at}");
        let order = ["server/discover", "initialize", "notifications/initialized"];
        assert_eq!(asked[..3], order, "answer {at}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_a_revision_that_it_speaks_is_asked_once_more() {
    let refusal = |seen: &Seen, versions: &str| {
        let error =
            format!(r#"{{"code":-32022,"message":"no","data":{{"supported":[{versions}]}}}}"#);
        format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, seen.body["id"])
    };
    for (versions, times, status, expected, asked) in [
        (r#""2026-07-28""#, 1, 400, "modern 2026-07-28", ["server/discover", "server/discover"]),
        (r#""2025-06-18","2026-07-28""#, 1, 200, "modern 2026-07-28", ["server/discover"; 2]),
        (r#""2026-07-28""#, 9, 400, "legacy 2025-11-25", ["server/discover"; 2]),
        (r#""2025-06-18""#, 9, 400, "legacy 2025-11-25", ["server/discover", "initialize"]),
    ] {
        let count = AtomicU32::new(0);
        let (old, new) = (legacy(|_| Reply::status(500)), modern(|_| Reply::status(500)));
        let (found, methods) = tried(move |seen| match seen.method() {
            "server/discover" if count.fetch_add(1, Ordering::Relaxed) < times => {
                let head = "content-type: application/json\r\n".to_owned();
                Reply::Whole(status, head, refusal(seen, versions))
            }
            "server/discover" => new(seen),
            _ => old(seen),
        })
        .await;
        assert_eq!(found, expected, "{versions}");
        assert_eq!(methods[..2], asked, "{versions}");
    }
}

#[tokio::test]
async fn who_asks_and_how_often_is_no_sign_of_age() {
    for (status, headers, expected) in [
        (
            401,
            "",
            "access_denied: refused access: HTTP 401: it wants to know who asks: set \
             `headers.Authorization` of its entry, since signing in is not supported yet (why)",
        ),
        (
            403,
            "",
            "access_denied: refused access: HTTP 403: it wants to know who asks: set \
             `headers.Authorization` of its entry, since signing in is not supported yet (why)",
        ),
        (429, "retry-after: 7\r\n", "throttled: wants no requests for 7s"),
        (503, "retry-after: 8\r\n", "throttled: wants no requests for 8s"),
        (502, "", "unreachable: could not be reached: HTTP 502: why"),
    ] {
        let answer = move |_: &Seen| Reply::Whole(status, headers.to_owned(), "why".to_owned());
        let (found, asked) = tried(answer).await;
        assert_eq!(found, expected);
        assert_eq!(asked, ["server/discover"], "nothing else is tried after {status}");
    }
}

#[tokio::test]
async fn credentials_that_do_not_help_are_named_as_the_reason_and_nothing_is_negotiated() {
    for name in ["Authorization", "authorization", "AUTHORIZATION"] {
        let mut site = Site::start(|_| Reply::status(401)).await;
        let found = opened(&spec(&site.url(), &[(name, "Bearer x")])).await;
        let expected = "it does not accept the Authorization header of its entry";
        assert!(found.ends_with(expected), "{found}");
        let seen = site.next("server/discover").await;
        assert_eq!((seen.path.as_str(), seen.header("authorization")), ("/mcp", "Bearer x"));
        assert!(site.methods().is_empty(), "no discovery of any kind");
    }
}

#[tokio::test]
async fn a_server_that_agrees_to_nothing_is_told_with_both_its_reasons() {
    let (found, _) = tried(|seen| match seen.method() {
        "GET" => Reply::status(405),
        _ => Reply::Whole(400, String::new(), r#"{"error":{"message":"go away"}}"#.to_owned()),
    })
    .await;
    assert_eq!(
        found,
        "handshake_failed: did not complete the MCP handshake: `server/discover` was refused \
         (HTTP 400: go away), and so was `initialize` (HTTP 400: go away)"
    );
    let (found, _) = tried(|seen| match seen.method() {
        "GET" => Reply::events(&["event: other\ndata: x\n\n".to_owned()]),
        _ => Reply::status(405),
    })
    .await;
    let third = ", and so was HTTP with SSE (its event stream ended without an `endpoint`)";
    assert!(found.ends_with(third), "{found}");
    let strange = |seen: &Seen| match seen.method() {
        "initialize" => Reply::json(seen.result(r#"{"protocolVersion":"1999-01-01"}"#)),
        _ => Reply::status(404),
    };
    let (found, _) = tried(strange).await;
    assert!(found.contains("it wants to speak revision `1999-01-01`"), "{found}");
}

#[tokio::test]
async fn the_handshake_may_come_as_events_with_other_messages_before_it() {
    let (found, _) = tried(|seen| match seen.method() {
        "initialize" => {
            let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
            let result = seen.result(r#"{"protocolVersion":"2025-06-18","capabilities":{}}"#);
            Reply::events(&["id: 1\nretry: 5\ndata: \n\n".into(), event(log), event(&result)])
        }
        "notifications/initialized" => Reply::status(202),
        _ => Reply::status(405),
    })
    .await;
    assert_eq!(found, "legacy 2025-06-18");
}

#[tokio::test]
async fn nobody_there_is_told_with_the_systems_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let found = opened(&spec(&url, &[])).await;
    assert!(found.starts_with("unreachable: could not be reached: Connection refused"), "{found}");
    let found = opened(&spec("http://no-such-host.invalid/", &[])).await;
    assert!(found.starts_with("unreachable: could not be reached: "), "{found}");
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_no_sign_of_age() {
    let (found, asked) = tried(|_| Reply::Raw(String::new())).await;
    assert!(found.starts_with("unreachable: "), "{found}");
    assert_eq!(asked, ["server/discover"]);
}

/// A server that sends every request on to `place`, with this status.
fn redirect(status: u16, place: String) -> impl Fn(&Seen) -> Reply + Send + Sync {
    move |_| Reply::Whole(status, format!("location: {place}\r\n"), String::new())
}

#[tokio::test]
async fn headers_never_follow_a_redirect_to_another_server() {
    let mut other = Site::start(|_| Reply::status(200)).await;
    for status in [307, 308, 302] {
        let site = Site::start(redirect(status, other.url())).await;
        let found = opened(&spec(&site.url(), &[("X-Key", "s3cret")])).await;
        let reason = format!("it redirects, and http://{} is another server", other.addr);
        assert!(found.contains(&reason), "{found}");
    }
    assert!(other.methods().is_empty(), "nothing at all went there");
}

#[tokio::test]
async fn a_redirect_within_the_server_is_followed_with_everything_three_times_at_most() {
    let server = modern(|_| Reply::status(500));
    let mut site = Site::start(move |seen| match seen.path.as_str() {
        "/mcp" => Reply::Whole(307, "location: /a\r\n".into(), String::new()),
        "/a" => Reply::Whole(308, "location: b?x=1\r\n".into(), String::new()),
        _ => server(seen),
    })
    .await;
    assert_eq!(opened(&spec(&site.url(), &[("X-Key", "k")])).await, "modern 2026-07-28");
    for path in ["/mcp", "/a", "/b?x=1"] {
        let seen = site.next("server/discover").await;
        assert_eq!((seen.path.as_str(), seen.header("x-key")), (path, "k"));
    }
    let (found, asked) = tried(redirect(307, "/mcp".into())).await;
    assert!(found.contains("more than 3 times in a row"), "{found}");
    assert_eq!(asked.iter().filter(|method| *method == "server/discover").count(), 4);
    let (found, _) = tried(redirect(303, "/mcp".into())).await;
    assert!(found.contains("HTTP 303 lets no request be repeated elsewhere"), "{found}");
}

#[tokio::test]
async fn a_server_of_the_first_revision_is_found_by_its_stream() {
    for (kind, expected) in [
        (RemoteKind::Sse, &["GET", "initialize", "notifications/initialized"][..]),
        (RemoteKind::Http, &["server/discover", "initialize", "GET", "initialize"][..]),
    ] {
        let (handler, _stream) = one_stream("/messages?id=1");
        let mut site = Site::start(handler).await;
        let spec = RemoteSpec { kind, ..spec(&site.url(), &[("X-Key", "k")]) };
        assert_eq!(opened(&spec).await, "legacy 2024-11-05");
        let told = site.next("notifications/initialized").await;
        assert_eq!((told.path.as_str(), told.header("x-key")), ("/messages?id=1", "k"));
        let (handler, _stream) = one_stream("/messages?id=1");
        let mut site = Site::start(handler).await;
        let spec = RemoteSpec { kind, ..super::tests_server::spec(&site.url(), &[]) };
        opened(&spec).await;
        assert_eq!(site.methods()[..expected.len()], *expected);
    }
}

#[tokio::test]
async fn an_endpoint_on_another_server_is_never_asked() {
    let mut other = Site::start(|_| Reply::status(202)).await;
    let place: &'static str = Box::leak(other.url().into_boxed_str());
    let (handler, _stream) = one_stream(place);
    let site = Site::start(handler).await;
    let spec = RemoteSpec { kind: RemoteKind::Sse, ..spec(&site.url(), &[("X-Key", "k")]) };
    let found = opened(&spec).await;
    assert!(found.contains("its `endpoint` is not to be trusted"), "{found}");
    assert!(other.methods().is_empty());
}

#[tokio::test]
async fn one_mode_is_kept_to() {
    let site = Site::start(legacy(|_| Reply::status(500))).await;
    let spec = spec(&site.url(), &[]);
    let found = open_as(&spec, ProtocolMode::Modern, Trust::System).await;
    assert!(matches!(found, Err(Cause::Handshake(_))));
    let mut site = Site::start(modern(|_| Reply::status(404))).await;
    let spec = super::tests_server::spec(&site.url(), &[]);
    let found = open_as(&spec, ProtocolMode::Legacy, Trust::System).await;
    assert!(matches!(found, Err(Cause::Handshake(_))));
    assert_eq!(site.methods()[0], "initialize");
    assert_eq!(spec.kind, RemoteKind::Http);
}

#[tokio::test]
async fn s25_a_server_that_must_be_public_is_never_asked_at_an_address_inside() {
    let mut site = Site::start(modern(|_| Reply::status(500))).await;
    for host in ["127.0.0.1", "localhost"] {
        let url = site.url().replace("127.0.0.1", host);
        let spec = RemoteSpec { reach: Reach::Public, ..spec(&url, &[("X-Key", "k")]) };
        let found = opened(&spec).await;
        assert!(found.contains("which is inside; `api.privateHosts` may allow"), "{found}");
    }
    assert!(site.methods().is_empty());
}

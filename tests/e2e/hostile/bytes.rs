//! Rows S12, S13, S43: what is no request at all, too much of one, or two in one.

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::Daemon;
use conductor_e2e::journal::Journal;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::{CALL, Raw, call, head, message, post, raw, serves};
use crate::faults::measure::rss;
use crate::world::{SOON, journal, mock, serve, wait_tool};

/// The most that the daemon may grow by all of it; one body of 4 MiB is read into memory at a time.
const GROWTH: u64 = 96 << 20;
/// What `listen.maxBody` is by default.
const BODY_MAX: usize = 4 << 20;

/// A daemon with a server `a`, and what that was asked.
async fn world() -> (Daemon, Journal, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "a");
    let log = journal.path().to_str().unwrap().to_owned();
    let daemon = serve(json!({ "a": mock(&["--log", &log]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    (daemon, journal, folder)
}

#[tokio::test]
async fn s12_bodies_that_are_too_much_are_refused_and_cost_no_memory() {
    let (daemon, journal, _folder) = world().await;
    serves(&daemon).await;
    let (addr, before) = (daemon.addr(), rss(daemon.pid()));
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let keys = |count: usize| -> String { (0..count).map(|n| format!(r#","k{n}":1"#)).collect() };
    let padded = |length: usize| {
        let empty = call("a.echo", r#"{"text":""}"#);
        call("a.echo", &format!(r#"{{"text":"{}"}}"#, "x".repeat(length - empty.len())))
    };
    let begun = Instant::now();
    for (what, body, more, expected) in [
        ("depth", call("a.echo", &format!(r#"{{"a":{}}}"#, deep(10_000))), &CALL[..], 400),
        (
            "depth of params",
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}}"#, deep(10_000)),
            &CALL,
            400,
        ),
        ("a million keys", call("a.echo", &format!(r#"{{"k":1{}}}"#, keys(1_000_000))), &CALL, 413),
        ("one byte too many", padded(BODY_MAX + 1), &CALL, 413),
        ("said to be packed", call("a.echo", "{}"), &["Content-Encoding: gzip"], 415),
    ] {
        let answer = raw(addr, &post(addr, more, body.as_bytes()), false).await;
        assert_eq!(
            answer.first(),
            expected,
            "{what}: {}",
            &answer.text[..answer.text.len().min(300)]
        );
        serves(&daemon).await;
    }
    // As large as it may be, and as many keys as fit in: served, and soon.
    let most = raw(addr, &post(addr, &CALL, padded(BODY_MAX).as_bytes()), false).await;
    assert_eq!(most.first(), 200);
    let many = keys(250_000);
    let body = call("a.echo", r#"{"text":"x"}"#)
        .replace(r#""name""#, &format!("{}{}", &many[1..], r#","name""#));
    assert_eq!(raw(addr, &post(addr, &CALL, body.as_bytes()), false).await.first(), 200);
    assert!(begun.elapsed() < 6 * SOON, "{:?}", begun.elapsed());
    let grown = rss(daemon.pid()).saturating_sub(before);
    assert!(grown < GROWTH, "{} MiB", grown >> 20);
    let asked = journal.received("tools/call");
    let refused = asked.iter().filter(|it| it["params"]["arguments"].get("a").is_some());
    assert_eq!(refused.count(), 0, "nothing of what was refused reached the server");
}

#[tokio::test]
async fn s12_a_body_without_an_end_is_cut_off() {
    let (daemon, _journal, _folder) = world().await;
    let (addr, before) = (daemon.addr(), rss(daemon.pid()));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&head(addr, &["Transfer-Encoding: chunked"])).await.unwrap();
    let (mut read, mut write) = stream.split();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let endless = async {
        let mut sent = 0_usize;
        while write.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
            assert!(sent < 64 << 20, "it takes everything");
        }
        std::future::pending::<()>().await;
    };
    let mut answer = [0; 12];
    let answered = async { read.read_exact(&mut answer).await.unwrap() };
    let both = async {
        tokio::select! { _ = answered => {}, () = endless => {} }
    };
    timeout(SOON, both).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert!(rss(daemon.pid()).saturating_sub(before) < GROWTH);
    serves(&daemon).await;
}

#[tokio::test]
async fn s12_one_request_is_never_read_as_two_nor_two_as_one() {
    let (daemon, journal, _folder) = world().await;
    let addr = daemon.addr();
    let hidden =
        String::from_utf8(post(addr, &CALL, call("a.echo", r#"{"text":"hidden"}"#).as_bytes()));
    let hidden = hidden.unwrap();
    let length = hidden.len() + 5;
    let whole = call("a.echo", r#"{"text":"seen"}"#);
    let chunked = format!("{:x}\r\n{whole}\r\n0\r\n\r\n", whole.len());
    // A connection that its client would go on with.
    let send = async |more: &[&str], body: &str, end: bool| {
        let head =
            String::from_utf8(head(addr, more)).unwrap().replace("Connection: close\r\n", "");
        raw(addr, format!("{head}{body}").as_bytes(), end).await
    };
    let te = "Transfer-Encoding: chunked";
    let cl = format!("Content-Length: {length}");
    let short = format!("Content-Length: {}", whole.len() + 10);
    let refused = |answer: &Raw| matches!(answer.first(), 0 | 400) && answer.statuses.len() < 2;
    for (what, answer) in [
        ("chunks and a length", send(&[te, &cl], &format!("0\r\n\r\n{hidden}"), false).await),
        ("a length and chunks", send(&[&cl, te], &format!("0\r\n\r\n{hidden}"), false).await),
        ("odd chunks", send(&["Transfer-Encoding: xchunked"], &chunked, true).await),
        ("chunks not last", send(&["Transfer-Encoding: chunked, identity"], &chunked, true).await),
        ("a name with a blank", send(&["Transfer-Encoding : chunked"], &chunked, true).await),
        ("two lengths", send(&["Content-Length: 4", "Content-Length: 5"], "{}   ", true).await),
        ("a list of lengths", send(&["Content-Length: 4, 5"], "{}   ", true).await),
        ("a length with a sign", send(&["Content-Length: +5"], "{}   ", true).await),
        ("a size that overflows", send(&[te], "fffffffffffffffff\r\n{}\r\n0\r\n\r\n", true).await),
        ("a length that lies", send(&[&short, CALL[0], CALL[1]], &whole, true).await),
    ] {
        assert!(refused(&answer), "{what}: {answer:?}");
        serves(&daemon).await;
    }
    // The other lie: what follows a body on a connection that was to be closed is not read.
    let zero = [head(addr, &["Content-Length: 0"]), hidden.into_bytes()].concat();
    let zero = raw(addr, &zero, false).await;
    assert!(zero.statuses == [400], "{zero:?}");
    let texts: Vec<String> = journal
        .received("tools/call")
        .iter()
        .map(|it| it["params"]["arguments"]["text"].to_string())
        .collect();
    assert!(texts.iter().all(|text| text == "\"still here\""), "{texts:?}");
}

#[tokio::test]
async fn s13_what_is_no_text_is_refused_and_what_is_odd_text_arrives_as_it_is() {
    let (daemon, journal, _folder) = world().await;
    let addr = daemon.addr();
    let with = |bytes: &[u8]| {
        let whole = call("a.echo", r#"{"text":"@"}"#).into_bytes();
        let at = whole.iter().position(|byte| *byte == b'@').unwrap();
        [&whole[..at], bytes, &whole[at + 1..]].concat()
    };
    for bytes in [
        &b"\xff"[..],
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"a\0b",
        b"a\nb",
        b"\x1b[31m",
    ] {
        let answer = raw(addr, &post(addr, &CALL, &with(bytes)), false).await;
        assert_eq!(answer.first(), 400, "{bytes:?}: {}", answer.text);
        assert_eq!(message(&answer)["error"]["code"], -32700, "{bytes:?}");
    }
    // NUL and line ends as escapes are text, and arrive.
    let answer = raw(addr, &post(addr, &CALL, &with(br"a\u0000b\n\u001b[31m")), false).await;
    assert_eq!(message(&answer)["result"]["content"][0]["text"], "a\0b\n\u{1b}[31m");
    // Half of a pair is no text: whoever reads it may refuse it, and nobody else suffers.
    let half = post(addr, &CALL, &with(br"\ud800"));
    let first = timeout(SOON / 10, raw(addr, &half, false)).await.map_or(0, |half| half.first());
    assert!(matches!(first, 0 | 200 | 400), "{first}");
    serves(&daemon).await;
    let odd = "a.\u{1b}[31m\r\n{\"level\":\"ERROR\"}\0";
    let socket = daemon.sandbox().state_dir().join("workspaces/default.sock");
    let mut lines = LineClient::connect(&socket).await.unwrap();
    lines.be_modern();
    let answer = lines.call(odd, json!({})).await.unwrap();
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert!(!answer["error"]["message"].as_str().unwrap().contains('\u{1b}'), "{answer}");
    let log = daemon.log_tail(10_000);
    assert!(
        !log.contains('\u{1b}')
            && log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
    assert!(journal.events().iter().all(|event| event["event"] != "exit"), "the server lives");
}

#[tokio::test]
async fn s43_heads_are_bounded_and_nothing_but_http_1_is_spoken() {
    let (daemon, _journal, _folder) = world().await;
    let (addr, before) = (daemon.addr(), rss(daemon.pid()));
    let many: Vec<String> = (0..2000).map(|n| format!("X-{n}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(raw(addr, &head(addr, &many), false).await.first(), 431, "many headers");
    let long = format!("X-Long: {}", "x".repeat(200_000));
    assert_eq!(raw(addr, &head(addr, &[&long]), false).await.first(), 431, "a long header");
    // HTTP/2 with prior knowledge: a preface, SETTINGS, then headers that are continued for ever.
    let mut frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    frames.extend(b"\0\0\x01\x01\0\0\0\0\x01\x82");
    frames.extend(b"\0\0\x01\x09\0\0\0\0\x01\x82".repeat(10_000));
    let answer = raw(addr, &frames, false).await;
    assert!(answer.statuses.iter().all(|status| *status >= 400), "{answer:?}");
    let upgrade = raw(
        addr,
        &post(
            addr,
            &["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", CALL[0], CALL[1]],
            call("a.echo", r#"{"text":"x"}"#).as_bytes(),
        ),
        false,
    )
    .await;
    assert_eq!(upgrade.first(), 200, "an upgrade is not followed: {upgrade:?}");
    assert!(rss(daemon.pid()).saturating_sub(before) < GROWTH);
    serves(&daemon).await;
}

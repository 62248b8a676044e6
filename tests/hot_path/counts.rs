//! This file counts what calls take from the allocator and holds it against what is known to do.
//! A count that grows means a new copy or a new small allocation for every call there ever is.

use std::sync::Arc;
use std::time::Duration;

use conductor_actors::{ListKind, Scope, System};
use conductor_config::{Decrypter, LoadRequest, Overrides, WorkspaceName, load};
use conductor_e2e::sandbox::Sandbox;
use mcp_conductor::door::http;
use serde_json::json;
use stats_alloc::Region;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::ALLOCATOR;
use crate::client::{Client, Wanted};

/// Calls that are not counted: buffers grow to their size.
const WARM: u32 = 100;
/// Calls that are counted.
const COUNTED: u32 = 300;

/// What one call may take.
struct Limit {
    what: &'static str,
    /// Allocations, with those that make one larger.
    count: f64,
    /// Bytes for each byte of the answer; copies, in other words.
    copies: f64,
}

fn check(client: &mut Client, wanted: &Wanted, limit: &Limit) {
    for _ in 0..WARM {
        client.call(wanted);
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..COUNTED {
        client.call(wanted);
    }
    let taken = region.change();
    let count = (taken.allocations + taken.reallocations) as f64 / f64::from(COUNTED);
    let bytes = taken.bytes_allocated as f64 / f64::from(COUNTED);
    let copies = bytes / client.answered() as f64;
    let Limit { what, count: most, copies: most_copies } = limit;
    println!(
        "{what}: {count:.1} allocations, {bytes:.0} bytes, {copies:.2} for each of the answer"
    );
    assert!(count <= *most, "{what}: {count:.1} allocations a call, the most is {most}");
    assert!(
        copies <= *most_copies,
        "{what}: {copies:.2} bytes taken for each byte of the answer, the most is {most_copies}"
    );
    // A limit that is far away would let a storm through.
    assert!(count >= most / 2.0, "{what}: {count:.1} allocations a call: lower the limit {most}");
}

/// A system with one echo server, and its HTTP door.
async fn served(sandbox: &Sandbox) -> (System, std::net::SocketAddr, CancellationToken) {
    let program = env!("CARGO_BIN_EXE_conductor-bench");
    let echo = json!({ "command": program, "args": ["echo", "--tools", "200"] });
    let settings =
        json!({ "listen": { "allowedHosts": ["hot.path"] }, "mcpServers": { "a": echo } });
    let file = sandbox.write_settings(settings).unwrap();
    let request = LoadRequest {
        files: vec![file],
        overrides: Overrides { state_dir: Some(sandbox.state_dir()), ..Overrides::default() },
        env: std::env::vars().collect(),
        cwd: sandbox.folder().to_path_buf(),
        decrypter: Decrypter::default(),
    };
    let config = Arc::new(load(&request).unwrap());
    let system = System::start(Arc::clone(&config), request.env).await.unwrap();
    let scope = Scope::Workspace(WorkspaceName::default());
    system.catalog().settled(&scope, ListKind::Tools, Duration::from_secs(30)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, closed) = (listener.local_addr().unwrap(), CancellationToken::new());
    let door = http::serve(listener, (system.clone(), None), config.listen.clone(), closed.clone());
    tokio::spawn(door);
    (system, addr, closed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_takes_no_more_memory_than_it_is_known_to() {
    let sandbox = Sandbox::new().unwrap();
    let (system, addr, closed) = served(&sandbox).await;
    let counted = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(addr);
        let session = client.initialize();
        let text = "x".repeat(100);
        let echo = |session| {
            let params = json!({ "name": "a.echo", "arguments": { "text": text } });
            Wanted::new("tools/call", params, session).answered_with(&text)
        };
        let sized = |tool: &str, bytes: u32, part: &str| {
            let arguments = json!({ "bytes": bytes, "number": 42 });
            let params = json!({ "name": tool, "arguments": arguments });
            Wanted::new("tools/call", params, None).answered_with(part)
        };
        let limit = |what, count, copies| Limit { what, count, copies };
        let many = f64::INFINITY;
        let old = limit("echo, 2025-11-25", 26.0, many);
        check(&mut client, &echo(Some(&session)), &old);
        check(&mut client, &echo(None), &limit("echo, 2026-07-28", 29.0, many));
        let list = Wanted::new("tools/list", json!({}), None).answered_with("a.tool_00199");
        check(&mut client, &list, &limit("list of 200 tools", 22.0, 1.4));
        let text = sized("a.text", 100_000, "42:The quick");
        check(&mut client, &text, &limit("100 kB text", 31.0, 1.5));
        // Read in as many pieces as the pipe gives, which are more on a busy machine.
        let rows = sized("a.rows", 1_000_000, "{\"number\":42,\"rows\"");
        check(&mut client, &rows, &limit("1 MB structured", 48.0, 0.6));
    });
    let counted = counted.await;
    closed.cancel();
    system.kill().await;
    counted.unwrap();
}

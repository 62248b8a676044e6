//! Rows R35 to R39: lists that are malformed, long, endless, asked for by many, or of servers that are down.
//! What a healthy list looks like is in `listing.rs`.

use std::time::Duration;

use conductor_e2e::sandbox::signal;
use conductor_e2e::wait;
use conductor_e2e::ways::WAYS;
use rustix::process::Signal;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::measure::{Growth, Spread, alone, cpu};
use super::{Victim, serve_all, wait_said};
use crate::world::{SOON, client, mock, mock_with, serve, wait_tool, wait_tools};

#[tokio::test]
async fn r35_a_malformed_tool_costs_none_of_its_siblings() {
    let ways: Vec<&str> = WAYS.into_iter().filter(|way| *way != "huge").collect();
    let servers: Map<String, Value> = ways
        .iter()
        .map(|way| ((*way).to_owned(), mock(&["--fault", &format!("bad_tool={way}")])))
        .chain([("healthy".to_owned(), mock(&[]))])
        .collect();
    let daemon = serve(servers.into()).await.unwrap();
    let wanted: Vec<String> = ways.iter().map(|way| format!("{way}.echo")).collect();
    wait_tools(&daemon, &wanted.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    wait_tool(&daemon, "healthy.echo").await.unwrap();
    let names = client(&daemon).tool_names().await.unwrap();
    let of = |server: &str| -> Vec<&str> {
        names.iter().filter_map(|name| name.strip_prefix(&format!("{server}."))).collect()
    };
    let healthy = of("healthy");
    for way in ways {
        let kept = healthy.iter().filter(|name| of(way).contains(name)).count();
        println!("R35: {way}: {kept} of {} siblings kept", healthy.len());
        assert_eq!(kept, healthy.len(), "{way}: {:?}", of(way));
        let reply = client(&daemon).call(&format!("{way}.echo"), json!({ "text": way })).await;
        assert_eq!(reply.unwrap().text().unwrap(), way);
    }
}

#[tokio::test]
async fn r35_a_list_with_a_line_over_the_limit_is_told_and_costs_nobody_else() {
    let servers = json!({ "huge": mock(&["--fault", "bad_tool=huge"]), "good": mock(&[]) });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "good.echo").await.unwrap();
    wait_said(&daemon, &["list could not be read", "huge"], SOON * 2).await;
    let reply = client(&daemon).call("good.echo", json!({ "text": "x" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "x");
}

#[tokio::test]
async fn r36_pages_are_followed_as_far_as_they_lead_and_no_further() {
    let _alone = alone().await;
    // With one tool for every fault, these are 1,030.
    let many = Victim::hardy(&["--tools", "1000", "--no-fixed-tools", "--page", "50"], json!({}));
    let round = Victim::hardy(&["--fault", "cursor_loop"], json!({}));
    let endless = Victim::hardy(&["--fault", "cursor_endless"], json!({}));
    let servers = json!({
        "many": many.entry, "round": round.entry, "endless": endless.entry, "good": mock(&[]),
    });
    let daemon = serve(servers).await.unwrap();
    let growth = Growth::watch(daemon.pid());
    let begun = Instant::now();
    let last = "many.tool_1000";
    wait_tools(&daemon, &["good.echo", "round.echo", last]).await.unwrap();
    wait_said(&daemon, &["list read", "endless"], Duration::from_secs(60)).await;
    let pages = |victim: &Victim| victim.journal.received("tools/list").len();
    let (of_many, of_round, of_endless) = (pages(&many), pages(&round), pages(&endless));
    println!(
        "R36: pages asked for: {of_many} of 21, {of_round} of a loop, {of_endless} of an endless \
         list; {:.1?}, memory +{} MiB",
        begun.elapsed(),
        growth.most()
    );
    assert_eq!((of_many, of_round), (21, 2));
    assert!(of_endless <= 1000, "{of_endless}");
    assert!(growth.most() <= 64, "+{} MiB", growth.most());
    let reply = client(&daemon).call(last, json!({ "text": "x" })).await.unwrap();
    assert!(!reply.is_error(), "{}", reply.message);
}

#[tokio::test]
async fn r37_a_long_list_is_served_from_memory() {
    let _alone = alone().await;
    let victims: Vec<Victim> = (0..20)
        .map(|_| Victim::hardy(&["--tools", "100", "--no-fixed-tools"], json!({})))
        .collect();
    let named = victims.iter().enumerate();
    let servers: Map<String, Value> =
        named.map(|(number, victim)| (format!("s{number:02}"), victim.entry.clone())).collect();
    let begun = Instant::now();
    let daemon = serve_all(json!({ "mcpServers": servers })).await;
    let last: Vec<String> = (0..20).map(|number| format!("s{number:02}.tool_100")).collect();
    wait_tools(&daemon, &last.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let cold = begun.elapsed();
    let asked = || -> usize {
        victims.iter().map(|victim| victim.journal.received("tools/list").len()).sum()
    };
    let before = asked();
    let mut taken = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        let reply = client(&daemon).request("tools/list", json!({})).await.unwrap();
        taken.push(begun.elapsed());
        assert_eq!(reply.result().unwrap()["tools"].as_array().unwrap().len(), 1000);
    }
    let warm = Spread::of(taken);
    println!(
        "R37: 20 servers with 2,600 tools: all after {cold:.1?}, then a page of 1,000: {warm}"
    );
    assert_eq!(asked(), before, "no server is asked again");
}

#[tokio::test]
#[ignore = "measures a release build, see docs/performance.md"]
async fn r37_ten_thousand_tools_of_a_hundred_servers_at_length() {
    const PAGES: u32 = 400;
    let _alone = alone().await;
    let victims: Vec<Victim> = (0..100)
        .map(|_| Victim::hardy(&["--tools", "100", "--no-fixed-tools"], json!({})))
        .collect();
    let named = victims.iter().enumerate();
    let servers: Map<String, Value> =
        named.map(|(number, victim)| (format!("s{number:02}"), victim.entry.clone())).collect();
    let daemon = serve_all(json!({ "mcpServers": servers })).await;
    let client = client(&daemon);
    let all = wait::until("all tools are listed", Duration::from_secs(120), async || {
        let count = client.tool_names().await.ok()?.len();
        (count >= 13_000).then_some(count)
    });
    let all = all.await.unwrap();
    let asked = || -> usize {
        victims.iter().map(|victim| victim.journal.received("tools/list").len()).sum()
    };
    let before = asked();
    let (mut cursor, mut dearest) = (None, Duration::ZERO);
    loop {
        let params = cursor.as_ref().map_or(json!({}), |cursor| json!({ "cursor": cursor }));
        let begun = cpu(daemon.pid());
        let mut page = json!({});
        for _ in 0..PAGES {
            let reply = client.request("tools/list", params.clone()).await.unwrap();
            page = reply.result().unwrap().clone();
        }
        dearest = dearest.max((cpu(daemon.pid()) - begun) / PAGES);
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    println!("R37: a page of {all} tools of 100 servers: {dearest:.1?} of the daemon at most");
    assert_eq!(asked(), before, "no server is asked again");
    assert!(dearest < Duration::from_millis(1), "{dearest:?}");
}

#[tokio::test]
async fn r38_two_hundred_clients_at_the_end_of_a_lists_life_ask_once() {
    let victims = [Victim::hardy(&[], json!({})), Victim::hardy(&[], json!({}))];
    let settings = json!({
        "mcpServers": { "a": victims[0].entry, "b": victims[1].entry },
        "catalog": { "ttl": "3s" },
    });
    let daemon = serve_all(settings).await;
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    let asked = || victims.each_ref().map(|victim| victim.journal.received("tools/list").len());
    tokio::time::sleep(Duration::from_millis(3200)).await;
    let (before, begun) = (asked(), Instant::now());
    let mut clients = JoinSet::new();
    for _ in 0..200 {
        let client = client(&daemon);
        clients.spawn(async move { client.tool_names().await.unwrap().len() });
    }
    let counts = clients.join_all().await;
    let taken = begun.elapsed();
    let asked = [asked()[0] - before[0], asked()[1] - before[1]];
    println!("R38: 200 lists in {taken:.1?}, the servers were asked {asked:?} times");
    assert!(counts.iter().all(|count| *count == counts[0] && *count > 20), "{counts:?}");
    let lives = 1 + taken.as_secs() as usize / 3;
    assert!(asked.iter().all(|count| (1..=lives).contains(count)), "{asked:?} in {taken:?}");
}

#[tokio::test]
async fn r39_the_tools_of_a_server_that_is_down_stay_and_the_others_as_well() {
    let more = json!({ "backoff": { "min": "3s", "max": "3s" } });
    let mut victim = Victim::hardy(&[], more);
    victim.entry["args"].as_array_mut().unwrap().retain(|word| word != "--fault-tools");
    let settings = json!({
        "mcpServers": { "a": victim.entry, "b": mock_with(&[], json!({})) },
        "catalog": { "ttl": "100ms" },
    });
    let daemon = serve_all(settings).await;
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    let all = client(&daemon).tool_names().await.unwrap();
    signal(victim.pid(), Signal::KILL).unwrap();
    wait_said(&daemon, &["server went down"], SOON).await;
    let mut shown = Vec::new();
    for _ in 0..10 {
        let names = client(&daemon).tool_names().await.unwrap();
        shown.push(names.len());
        assert!(names.iter().any(|name| name == "b.echo"), "{names:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("R39: {} tools before, {shown:?} while one server is down", all.len());
    assert!(shown.iter().all(|count| *count == all.len()), "{shown:?} of {}", all.len());
}

//! This file holds the tests of servers that are registered while the daemon runs.
//! The hazards and the addresses are tested where they are decided.

use serde_json::{Value as Json, json};

use super::loaded;
use crate::{
    Config, Decrypter, Origin, Reach, Registration, ServerId, Transport, deactivate, load, merged,
};

fn files(text: &str) -> Config {
    loaded("a.toml", text)
}

fn registration(body: &Json) -> Registration {
    Registration::read(body.to_string().as_bytes(), None).unwrap()
}

/// What is told of a body: the problems, or the id it gets.
fn told(config: &Config, body: &str, expected: Option<&ServerId>) -> String {
    let read = Registration::read(body.as_bytes(), expected);
    match read.and_then(|registration| registration.server(config, &Decrypter::default())) {
        Ok((spec, _)) => format!("ok {}", spec.id),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a34_the_body_of_the_design_is_a_server() {
    let config = files("[defaults]\ntimeout = '3s'");
    let body = json!({
        "workspace_id": "ws-1",
        "name": "salesforce",
        "command": ["npx", "-y", "salesforce-mcp"],
        "env": { "SF_TOKEN": "s3cret" },
    });
    let (spec, warnings) = registration(&body).server(&config, &Decrypter::default()).unwrap();
    assert_eq!(spec.id.to_string(), "ws-1/salesforce");
    assert_eq!((spec.origin, spec.timeout.as_secs()), (Origin::Api, 3));
    assert_eq!(warnings, [""; 0]);
    let Transport::Stdio(stdio) = spec.transport else { panic!("not a program") };
    assert_eq!((stdio.program.as_str(), stdio.args.len()), ("npx", 2));
    assert_eq!(stdio.env["SF_TOKEN"].expose(), "s3cret");
}

#[test]
fn a_body_that_is_wrong_is_told_the_key_and_the_cure() {
    let config = files("[state]\ndir = '/state'");
    for (body, expected) in [
        ("", "the request: is not JSON"),
        ("[]", "the request: must be an object"),
        ("{}", "the request: name: is missing"),
        (r#"{"name": 1}"#, "the request: name: must be text"),
        (r#"{"name": "Git"}"#, "the request: name: a name has"),
        (r#"{"name": "git", "workspace_id": "A"}"#, "the request: workspace_id: a name has"),
        (r#"{"name": "git", "workspace": "a"}"#, "the request: workspace: is called"),
        (r#"{"name": "git"}"#, "the request: has neither"),
        (r#"{"name": "git", "command": "x", "name": "b"}"#, "stands twice"),
        (
            r#"{"name": "git", "command": "x", "timout": "1s"}"#,
            "the request: timout: unknown key; did you mean `timeout`?",
        ),
        (r#"{"name": "git", "command": "${HOME}"}"#, "the request: command: has a variable in it"),
        (r#"{"name": "git", "command": "~/x"}"#, "the request: command: begins with ~"),
        (r#"{"name": "git", "command": ["x"], "env": {"A": 1}}"#, "the request: env.A: must be"),
        (
            r#"{"name": "git", "command": "x", "env": {"LD_PRELOAD": "/x.so"}}"#,
            "the request: env.LD_PRELOAD: has a program load other code",
        ),
        (
            r#"{"name": "git", "command": "x", "socket": "/state/admin.sock"}"#,
            "the request: socket: /state/admin.sock is already the socket of",
        ),
        (r#"{"name": "git", "url": "http://127.0.0.1/"}"#, "the request: url: 127.0.0.1 is an"),
    ] {
        let told = told(&config, body, None);
        assert!(told.contains(expected), "{body}: {told}");
    }
}

#[test]
fn a_body_for_a_path_need_not_repeat_it_and_must_not_differ() {
    let config = files("");
    let id: ServerId = "team/git".parse().unwrap();
    for (body, expected) in [
        (r#"{"command": "x"}"#, "ok team/git"),
        (r#"{"command": "x", "name": "git", "workspace_id": "team"}"#, "ok team/git"),
        (r#"{"command": "x", "name": "gut"}"#, "the request: name: is not that of the path"),
        (r#"{"command": "x", "workspace_id": "default"}"#, "workspace_id: is not that"),
    ] {
        let told = told(&config, body, Some(&id));
        assert!(told.contains(expected), "{body}: {told}");
    }
}

#[test]
fn what_is_odd_is_accepted_and_told() {
    let config = files("[api]\nunsafeEnv = ['NODE_OPTIONS']\nprivateHosts = ['localhost']");
    let env = json!({ "PATH": "/bin", "NODE_OPTIONS": "-r x" });
    let body = json!({ "name": "a", "command": ["sh", "-c", "x"], "env": env });
    let (_, warnings) = registration(&body).server(&config, &Decrypter::default()).unwrap();
    let expected = ["env.NODE_OPTIONS", "env.PATH", "command: has its arguments read by a shell"];
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for (warning, expected) in warnings.iter().zip(expected) {
        assert!(warning.contains(expected), "{warning}");
    }
    for (url, reach) in
        [("http://localhost:1/", Reach::Anywhere), ("http://h.example/", Reach::Public)]
    {
        let (spec, _) = registration(&json!({ "name": "a", "url": url }))
            .server(&config, &Decrypter::default())
            .unwrap();
        let Transport::Remote(remote) = spec.transport else { panic!("not remote") };
        assert_eq!(remote.reach, reach, "{url}");
    }
}

#[test]
fn every_text_that_may_be_secret_is_handed_out_once() {
    let body = json!({
        "name": "a",
        "command": "x",
        "env": { "A": "1", "F": { "file": "f" }, "N": null },
        "headers": { "Authorization": "2" },
        "url": "https://h.example/?key=3",
        "description": "4",
    });
    let mut registration = registration(&body);
    let mut seen = Vec::new();
    let done: Result<(), ()> = registration.each_secret(|key, text| {
        seen.push(key.to_owned());
        *text = "sealed".to_owned();
        Ok(())
    });
    done.unwrap();
    assert_eq!(seen, ["env.A", "headers.Authorization", "url"]);
    assert_eq!(registration.entry()["env"]["A"], "sealed");
    assert!(!format!("{registration:?}").contains('4'));
}

#[test]
fn c8_files_and_registrations_are_one_set_and_a_clash_is_told() {
    let config = files("[mcpServers.git]\ncommand = 'x'\n[mcpServers.web]\ncommand = 'x'");
    let both = [
        registration(&json!({ "name": "git", "command": "y" })),
        registration(&json!({ "name": "git", "workspace_id": "team", "command": "y" })),
    ];
    let merged = merged(&config, &both, &Decrypter::default());
    let ids: Vec<String> = merged.config.servers.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["git", "web", "team/git"]);
    assert_eq!(merged.config.servers[&both[0].id].origin, Origin::File);
    let [aside] = merged.aside.as_slice() else { panic!("{:?}", merged.aside) };
    assert_eq!(aside.id, both[0].id);
    let told = aside.problems[0].to_string();
    assert!(told.starts_with("the registration of `git`: a settings file has"), "{told}");
}

#[test]
fn a_registration_that_new_settings_make_impossible_is_set_aside_alone() {
    let config = files("[catalog]\nseparator = '-'\n[mcpServers.web]\ncommand = 'x'");
    let both = [
        registration(&json!({ "name": "a-b", "command": "y" })),
        registration(&json!({ "name": "ab", "command": "y" })),
    ];
    let merged = merged(&config, &both, &Decrypter::default());
    assert!(merged.config.servers.contains_key(&both[1].id));
    let [aside] = merged.aside.as_slice() else { panic!("{:?}", merged.aside) };
    let told = aside.problems[0].to_string();
    assert!(told.starts_with("the registration of `a-b`: the name does not go"), "{told}");
}

#[test]
fn a08_a_workspace_that_is_not_active_has_its_servers_rest_and_no_other() {
    let text = "[mcpServers.a]\ncommand = 'x'\n[mcpServers.b]\ncommand = 'x'\nworkspace = 'team'";
    let before = files(text);
    let mut config = before.clone();
    deactivate(&mut config, &["team".parse().unwrap()].into());
    let enabled: Vec<bool> = config.servers.values().map(|spec| spec.enabled).collect();
    assert_eq!(enabled, [true, false]);
    assert!(before.servers.values().all(|spec| spec.enabled), "a copy was changed");
}

#[test]
fn p48_the_order_of_keys_makes_no_difference() {
    let config = files("");
    let one = r#"{"name": "a", "command": "x", "env": {"A": "1", "B": "2"}}"#;
    let other = r#"{"env": {"B": "2", "A": "1"}, "command": "x", "name": "a"}"#;
    let spec = |body: &str| {
        Registration::read(body.as_bytes(), None)
            .unwrap()
            .server(&config, &Decrypter::default())
            .unwrap()
            .0
    };
    assert_eq!(spec(one), spec(other));
    let (_folder, request) = super::folder(&[("a.toml", "")]);
    assert!(load(&request).unwrap().servers.is_empty());
}

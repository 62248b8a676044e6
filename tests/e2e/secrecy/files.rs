//! Row S34: settings and secrets that others may change or read are told, or refused.
//! They leave each mode and owner to the tests beside the code.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::sync::Arc;

use conductor_e2e::daemon::{Daemon, Options, run_to_end};
use conductor_e2e::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, SOON};

fn set_mode(file: &Path, mode: u32) {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The warnings that a daemon logged about its settings.
fn warnings(daemon: &Daemon) -> Vec<String> {
    let lines = daemon.log_lines();
    let told = lines.iter().filter(|line| line["message"] == "settings");
    told.filter_map(|line| line["warning"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn s34_settings_that_others_may_change_and_secrets_that_they_may_read_are_told() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let token = sandbox.write("token", "s3cret-token").unwrap();
    let entry = json!({ "command": "x", "enabled": false, "env": { "A": { "file": token } } });
    let file = sandbox.write_settings(json!({ "mcpServers": { "a": entry } })).unwrap();
    let start = async || {
        let args = vec!["--config".to_owned(), file.display().to_string()];
        let options = Options { args, sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
        let settings = conductor_e2e::daemon::Settings::None;
        Daemon::start(CONDUCTOR, settings, options).await.unwrap()
    };
    set_mode(&file, 0o600);
    set_mode(&token, 0o600);
    let mut daemon = start().await;
    assert_eq!(warnings(&daemon), [""; 0]);
    assert!(daemon.terminate(SOON).await.unwrap().success());

    set_mode(&file, 0o666);
    set_mode(&token, 0o644);
    let mut daemon = start().await;
    let told = warnings(&daemon);
    let expected = ["everybody may change it (mode 0666)", "others may read it (mode 0644)"];
    assert_eq!(told.len(), 2, "{told:?}");
    for words in expected {
        assert!(told.iter().any(|told| told.contains(words)), "{words}: {told:?}");
        let reload = daemon.cli(&["reload"]).await.unwrap();
        assert_eq!(reload.code, Some(0), "{}", reload.stderr);
        let status: Value =
            serde_json::from_str(&daemon.cli(&["status", "--json"]).await.unwrap().stdout).unwrap();
        assert!(status.to_string().contains(words), "{words}: {status}");
        let check = daemon.cli(&["check", "--config", file.to_str().unwrap()]).await.unwrap();
        assert!(check.stderr.contains(words), "{words}: {}", check.stderr);
    }
    assert!(!told.join(" ").contains("s3cret"), "{told:?}");
    assert!(daemon.terminate(SOON).await.unwrap().success());

    if chown(&file, Some(65534), None).is_err() {
        println!("skipped: only root gives files away");
        return;
    }
    set_mode(&file, 0o644);
    let daemon = start().await;
    let told = warnings(&daemon);
    assert!(told.iter().any(|told| told.contains("belongs to user 65534")), "{told:?}");
}

#[tokio::test]
async fn s34_keys_that_others_may_read_are_refused() {
    let sandbox = Sandbox::new().unwrap();
    let token = sandbox.write("token", "0123456789abcdef0123456789abcdef").unwrap();
    let settings = json!({ "auth": { "adminTokenFile": token }, "mcpServers": {} });
    let file = sandbox.write_settings(settings).unwrap();
    let state = sandbox.state_dir().display().to_string();
    let serve = async || {
        let words = ["serve", "--config", file.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        let words = [&words[..], &["--state-dir", &state]].concat();
        run_to_end(CONDUCTOR, &words, &[], SOON).await.unwrap()
    };
    set_mode(&token, 0o640);
    let ended = serve().await;
    assert_ne!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("is open to others (mode 0640)"), "{}", ended.stderr);

    let open = sandbox.path("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::write(open.join("somebody's"), "x").unwrap();
    set_mode(&open, 0o755);
    let words = ["serve", "--listen", "127.0.0.1:0", "--state-dir", open.to_str().unwrap()];
    let ended = run_to_end(CONDUCTOR, &words, &[], SOON).await.unwrap();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("is open to others (mode 0755)"), "{}", ended.stderr);
}

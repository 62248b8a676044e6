//! The state of a daemon is written down while it runs, and put back where there was none.
//! What is in the file is looked at beside the code.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use conductor_e2e::daemon::run_to_end;
use conductor_e2e::sandbox::Sandbox;
use serde_json::json;

use super::Stage;
use super::secrets::seen;
use crate::world::{CONDUCTOR, SOON};

#[tokio::test]
async fn what_is_registered_goes_on_elsewhere_with_its_secrets() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let stage = Stage::there(&sandbox).await;
    let mut api = stage.api().await;
    let body = stage.mock("kept", json!({ "env": { "API_TOKEN": "canary-value" } }));
    assert_eq!(api.register(&body).await.unwrap().status, 201);

    let file = stage.sandbox.path("backup.json");
    let written =
        stage.daemon.cli(&["state", "export", &file.display().to_string()]).await.unwrap();
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("registration") && !text.contains("canary"), "{text}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let printed = stage.daemon.cli(&["state", "export"]).await.unwrap();
    assert!(printed.stdout.contains("default/kept") && !printed.stdout.contains("canary"));
    let words = ["state", "import", &file.display().to_string()];
    let under = stage.daemon.cli(&words).await.unwrap();
    assert_eq!(under.code, Some(5), "a daemon uses it: {}", under.stderr);

    // What is there cannot be kept: nothing takes its place.
    let elsewhere = Arc::new(Sandbox::new().unwrap());
    let mut there = Stage::there(&elsewhere).await;
    let body = there.mock("former", json!({}));
    assert_eq!(there.api().await.register(&body).await.unwrap().status, 201);
    assert!(there.daemon.terminate(SOON).await.unwrap().success());
    let kept = elsewhere.state_dir().join("state-before-import.json");
    std::fs::create_dir(&kept).unwrap();
    let dir = elsewhere.state_dir().display().to_string();
    let env = [("CONDUCTOR_STATE__DIR", dir.as_str())];
    let refused = run_to_end(CONDUCTOR, &words, &env, SOON).await.unwrap();
    assert_ne!(refused.code, Some(0), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing was put back"), "{}", refused.stderr);
    let still = run_to_end(CONDUCTOR, &["state", "export"], &env, SOON).await.unwrap();
    assert!(still.stdout.contains("default/former"), "{}", still.stdout);
    std::fs::remove_dir(&kept).unwrap();
    let put = run_to_end(CONDUCTOR, &words, &env, SOON).await.unwrap();
    assert_eq!(put.code, Some(0), "{}", put.stderr);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("default/former"));
    let key = "master.key";
    std::fs::copy(stage.sandbox.state_dir().join(key), elsewhere.state_dir().join(key)).unwrap();
    let stage = Stage::there(&elsewhere).await;
    assert_eq!(seen(&stage, "kept").await, "canary-value");
}

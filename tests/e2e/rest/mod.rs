//! These tests look after a daemon through the REST API, as programs do that have the admin token.
//! They leave crashes and long runs to `faults/registrations.rs`.

mod access;
mod backup;
mod connections;
mod hazards;
mod secrets;
mod trial;
mod workspaces;

pub(crate) use self::secrets::encrypted_with;

use std::sync::Arc;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::rest::Api;
use conductor_e2e::sandbox::{MARK, Sandbox};
use conductor_e2e::wait;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, MOCK, SOON};

/// A daemon that stays on one state directory over restarts.
struct Stage {
    daemon: Daemon,
    sandbox: Arc<Sandbox>,
    settings: Value,
}

impl Stage {
    async fn start(settings: Value) -> Self {
        let sandbox = Arc::new(Sandbox::new().unwrap());
        let daemon = boot(&sandbox, &settings).await;
        Self { daemon, sandbox, settings }
    }

    /// A daemon without servers on the state that is there.
    async fn there(sandbox: &Arc<Sandbox>) -> Self {
        let settings = json!({ "mcpServers": {} });
        let daemon = boot(sandbox, &settings).await;
        Self { daemon, sandbox: Arc::clone(sandbox), settings }
    }

    /// The daemon ends in order and another one starts, perhaps with other settings.
    async fn restart(&mut self) {
        assert!(self.daemon.terminate(SOON).await.unwrap().success());
        self.daemon = boot(&self.sandbox, &self.settings).await;
    }

    async fn api(&self) -> Api {
        Api::of(&self.daemon).await.unwrap()
    }

    /// The body that registers a mock server.
    fn mock(&self, id: &str, more: Value) -> Value {
        let (workspace, name) = id.split_once('/').unwrap_or(("default", id));
        let mut body = json!({
            "workspace_id": workspace, "name": name, "command": [MOCK], "env": {},
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        body["env"][MARK] = self.sandbox.mark().into();
        body
    }

    /// Waits until a connection is in this state.
    async fn until(&self, path: &str, state: &str) -> Value {
        let mut api = self.api().await;
        let mut last = Value::Null;
        let found = wait::until("the state", SOON, async || {
            last = api.get(path).await.ok()?.body;
            (last["state"] == state).then(|| last.clone())
        });
        found.await.unwrap_or_else(|error| panic!("{error}: {last}\n{}", self.daemon.log_tail(30)))
    }
}

async fn boot(sandbox: &Arc<Sandbox>, settings: &Value) -> Daemon {
    let options = Options { sandbox: Some(Arc::clone(sandbox)), ..Options::default() };
    Daemon::start(CONDUCTOR, settings.clone(), options).await.unwrap()
}

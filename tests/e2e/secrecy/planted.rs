//! This file plants a secret of its own in every place that one can be in.
//! It leaves looking for them to the tests.

use std::sync::Arc;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::rest::{Api, CONNECTIONS};
use conductor_e2e::sandbox::{MARK, Sandbox};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::canary;
use crate::rest::encrypted_with;
use crate::world::{CONDUCTOR, MOCK, SOON, wait_status, wait_tools};

/// 32 bytes, `cnry-master-key-…`, as the master key is written.
pub(super) const MASTER_KEY: &str = "Y25yeS1tYXN0ZXIta2V5LTAxMjM0NTY3ODlhYmNkZWY";

/// Says all it knows on stderr, and its token also encoded; then it is the program in `$0`.
const TELLS_ALL: &str = r#"env >&2; printf %s "$PLAIN" | base64 >&2; exec "$0""#;
/// The same, but it ends.
const TELLS_AND_DIES: &str = "env >&2; exit 3";
/// Refuses every request with words that have its token in them.
const REFUSES: &str = r#"while read -r line; do id=$(printf %s "$line" | sed 's/.*"id":\([0-9]*\).*/\1/');
echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32000,"message":"bad token '$PLAIN'"}}'; done"#;

/// A daemon with secrets everywhere.
pub(super) struct Planted {
    pub(super) daemon: Daemon,
    pub(super) sandbox: Arc<Sandbox>,
    /// All secrets.
    pub(super) canaries: Vec<String>,
    /// What was said while they were planted, each with where.
    pub(super) said: Vec<(String, String)>,
}

impl Planted {
    /// Boots a daemon at the most talkative level, registers what can be, and has much refused.
    pub(super) async fn everywhere() -> Self {
        let sandbox = Arc::new(Sandbox::new().unwrap());
        sandbox.write("token", &canary("file-file")).unwrap();
        sandbox.write("variables", &format!("FROM_FILE={}\n", canary("file-envfile"))).unwrap();
        private(&sandbox, "admin", &canary("admin-token"));
        let settings = settings(&sandbox, echoing().await).await;
        let options = Options {
            sandbox: Some(Arc::clone(&sandbox)),
            env: [
                ("RUST_LOG", "trace".to_owned()),
                ("CONDUCTOR_MASTER_KEY", format!("{MASTER_KEY}=")),
                ("PLANTED_VARIABLE", canary("file-variable")),
                ("UNRELATED_SECRET", canary("unrelated")),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
            ..Options::default()
        };
        let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
        let canaries = PLACES.iter().map(|place| canary(place)).chain([MASTER_KEY.to_owned()]);
        let canaries = canaries.collect();
        let mut planted = Self { daemon, sandbox, canaries, said: Vec::new() };
        planted.register().await;
        planted.have_refused().await;
        wait_tools(&planted.daemon, &["file.echo", "api.echo"]).await.unwrap();
        for server in ["dying", "refusing", "remote", "login"] {
            let down = |row: &Value| row["last_error"].is_object();
            wait_status(&planted.daemon, server, down).await.unwrap();
        }
        planted
    }

    /// Somebody who has the admin token.
    pub(super) async fn api(&self) -> Api {
        let token = format!("Bearer {}", canary("admin-token"));
        Api::with_headers(self.daemon.addr(), &[("authorization", &token)]).await.unwrap()
    }

    fn heard(&mut self, place: impl Into<String>, text: impl ToString) {
        self.said.push((place.into(), text.to_string()));
    }

    async fn register(&mut self) {
        let mut api = self.api().await;
        let sealed = encrypted_with(&self.sandbox, &canary("api-fernet"), MASTER_KEY).await;
        let body = |plain: &str| {
            json!({ "name": "api", "command": [MOCK], "env": {
                "PLAIN": canary(plain), "SEALED": sealed,
                // A text that looks like one of ours is a text.
                "ODD": format!("v2:{}", canary("api-v2")), MARK: self.sandbox.mark(),
            } })
        };
        let made = api.register(&body("api-before")).await.unwrap().with(201);
        let put = api
            .ask(
                Method::PUT,
                &format!("{CONNECTIONS}/default/api"),
                &[],
                body("api-env").to_string(),
            )
            .await
            .unwrap();
        let away = json!({
            "name": "away", "url": format!("https://me:{}@host.example/mcp", canary("api-login")),
            "headers": { "X-Key": canary("api-header") }, "enabled": false,
        });
        let away = api.register(&away).await.unwrap().with(201);
        for answer in [made, put.with(200), away] {
            self.heard("answer to a registration", answer);
        }
    }

    async fn have_refused(&mut self) {
        let mut api = self.api().await;
        let refused = canary("refused");
        for (status, body) in [
            (409, json!({ "name": "file", "command": "x", "env": { "A": refused } })),
            (409, json!({ "name": "api", "command": "x", "env": { "A": refused } })),
            (422, json!({ "name": "r", "command": "x", "env": { "LD_PRELOAD": refused } })),
            (422, json!({ "name": "r", "command": "x", "env": { format!("A={refused}"): "" } })),
            (422, json!({ "name": "r", "command": "x", "env": [refused] })),
            (422, json!({ "name": "r", "command": "x", "env": { "A": [refused] } })),
            (422, json!({ "name": "r", "command": "x", "env": format!("A={refused}") })),
            (
                422,
                json!({ "name": "r", "command": "x", "env": { "A": format!("encrypted:{refused}") } }),
            ),
            (422, json!({ "name": "r", "url": format!("http://me:{refused}@10.0.0.1/mcp") })),
            (422, json!({ "name": "r", "url": format!("me:{refused}@host.example/mcp") })),
            (422, json!({ "name": "r", "url": format!("https://h.example:x/?key={refused}") })),
            (
                422,
                json!({ "name": "r", "url": "https://h.example", "headers": { "A": format!("{refused}\n") } }),
            ),
            (
                422,
                json!({ "name": "r", "url": "https://h.example",
                          "headers": { format!("Authorization: Bearer {refused}"): "" } }),
            ),
        ] {
            let said = api.register(&body).await.unwrap();
            self.heard("refused registration", said.with(status));
        }
        let broken = format!(r#"{{"name":"r","command":"x","env":{{"A":"{refused}" "B"}}}}"#);
        let said = api.ask(Method::POST, CONNECTIONS, &[], broken).await.unwrap();
        assert!(said.status.is_client_error(), "{}", said.body);
        self.heard("broken registration", said.body);
        for value in [format!("Bearer {}", canary("wrong-token")), canary("wrong-token")] {
            let headers = [("authorization", &*value)];
            let mut other = Api::with_headers(self.daemon.addr(), &headers).await.unwrap();
            self.heard("401", other.get("").await.unwrap().with(401));
        }
        let path = format!("{CONNECTIONS}?access_token={}", canary("wrong-token"));
        let mut nobody = Api::with_headers(self.daemon.addr(), &[]).await.unwrap();
        let said = nobody.ask(Method::GET, &path, &[], String::new()).await.unwrap();
        self.heard("401 by query", said.with(401));
    }
}

/// The places, a secret for each.
const PLACES: [&str; 22] = [
    "file-env",
    "file-file",
    "file-envfile",
    "file-variable",
    "file-fernet",
    "file-argument",
    "dying-env",
    "refusing-env",
    "remote-bearer",
    "remote-header",
    "remote-query",
    "login-password",
    "admin-token",
    "wrong-token",
    "api-env",
    "api-before",
    "api-fernet",
    "api-v2",
    "api-login",
    "api-header",
    "unrelated",
    "refused",
];

async fn settings(sandbox: &Sandbox, echoing: std::net::SocketAddr) -> Value {
    let sealed = encrypted_with(sandbox, &canary("file-fernet"), MASTER_KEY).await;
    let argument = format!("--token={}", canary("file-argument"));
    let shell = |script: &str, place: &str| {
        json!({ "command": ["sh", "-c", script, MOCK, argument], "env": { "PLAIN": canary(place) },
                "restart": "never" })
    };
    let mut file = shell(TELLS_ALL, "file-env");
    file["envFile"] = json!(sandbox.path("variables"));
    for (name, value) in [
        ("FILE", json!({ "file": sandbox.path("token") })),
        ("VARIABLE", json!("${PLANTED_VARIABLE}")),
        ("SEALED", json!(sealed)),
    ] {
        file["env"][name] = value;
    }
    json!({
        // Calls of servers that are not there wait no longer than this.
        "defaults": { "timeout": "2s" },
        "auth": { "adminTokenFile": sandbox.path("admin") },
        "mcpServers": {
            "file": file,
            "dying": shell(TELLS_AND_DIES, "dying-env"),
            "refusing": shell(REFUSES, "refusing-env"),
            "remote": {
                "url": format!("http://{echoing}/mcp?key={}", canary("remote-query")),
                "headers": { "Authorization": format!("Bearer {}", canary("remote-bearer")),
                             "X-Key": canary("remote-header") },
            },
            "login": { "url": format!("http://me:{}@{echoing}/mcp", canary("login-password")) },
        },
    })
}

/// A file that only its owner may read.
fn private(sandbox: &Sandbox, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let file = sandbox.write(name, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A server elsewhere that answers every request with an error that repeats it, headers and all.
async fn echoing() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                let count = tokio::time::timeout(SOON, stream.read(&mut request)).await;
                let text =
                    String::from_utf8_lossy(&request[..count.unwrap().unwrap_or(0)]).into_owned();
                let body = json!({ "jsonrpc": "2.0", "id": null,
                                   "error": { "code": -32001, "message": text } })
                .to_string();
                let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await; // it may have hung up
            });
        }
    });
    addr
}

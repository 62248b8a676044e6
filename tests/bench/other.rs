//! This file starts gateways of others, each from a few words that tell how, with the same server behind.
//! It leaves measuring them to `suite/beside.rs`. Which there are is in `others.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use conductor_e2e::daemon::command;
use conductor_e2e::sandbox::{MARK, Sandbox};
use serde::Deserialize;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use crate::load::Target;
use crate::process::is_installed;
use crate::talk::{Place, Talk};
use crate::work::Work;

/// How long one may take until it has answered rightly.
const COMING_UP: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// How a gateway is started. In all texts `{port}` is a free port, `{dir}` a new folder, and
/// `{server}` the command of the server behind it; a word that is `{server...}` becomes its words.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Other {
    /// As it is named in tables.
    pub(crate) name: String,
    /// Program and arguments.
    start: Vec<String>,
    /// Path of its endpoint.
    #[serde(default = "usual_path")]
    path: String,
    /// What its tools are called, with `{tool}` for the name that the server gave.
    #[serde(default = "same_name")]
    tool: String,
    /// Settings that it reads, by the names of files in `{dir}`.
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

fn usual_path() -> String {
    "/mcp".to_owned()
}

fn same_name() -> String {
    "{tool}".to_owned()
}

/// One that runs. It ends with the handle, and all that it has started.
pub(crate) struct Running {
    pub(crate) pid: i32,
    pub(crate) target: Target,
    _child: Child,
    _sandbox: Sandbox,
}

/// Those of a file, or the known ones. Of these, such as are not installed are left out.
pub(crate) fn all(file: Option<&PathBuf>) -> Result<Vec<Other>> {
    let Some(file) = file else {
        let known: Vec<Other> = serde_json::from_str(include_str!("others.json"))?;
        return Ok(known.into_iter().filter(Other::is_installed).collect());
    };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("failed to read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("failed to understand {}", file.display()))
}

impl Other {
    fn is_installed(&self) -> bool {
        self.start.first().is_some_and(|program| is_installed(program))
    }

    /// Starts it before a server that is started with these words, and waits for a right answer.
    pub(crate) async fn start(&self, server: &[String]) -> Result<Running> {
        let sandbox = Sandbox::new()?;
        let addr = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let fill = |text: &str| filled(text, addr.port(), sandbox.folder(), server);
        for (name, text) in &self.files {
            sandbox.write(name, &fill(text))?;
        }
        let words: Vec<String> = self
            .start
            .iter()
            .flat_map(|word| match word.as_str() {
                "{server...}" => server.to_vec(),
                word => vec![fill(word)],
            })
            .collect();
        let (program, args) = words.split_first().context("no program")?;
        let env = self.env.iter().map(|(name, value)| (name, fill(value)));
        let mut starting = command(program);
        starting.args(args).envs(env).env(MARK, sandbox.mark()).current_dir(sandbox.folder());
        starting.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = starting.kill_on_drop(true).spawn().context("failed to start it")?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("it has ended")?;
        let place = Place::Http { addr, path: self.path.clone() };
        let tools = vec![self.tool.replace("{tool}", "echo")].into();
        let target = Target { place, tools, pid: Some(pid), is_tree: true };
        timeout(COMING_UP, answered(&target)).await.context("it does not answer rightly")?;
        Ok(Running { pid, target, _child: child, _sandbox: sandbox })
    }

    /// The same place, but another tool.
    pub(crate) fn with_tool(&self, target: &Target, tool: &str) -> Target {
        Target { tools: vec![self.tool.replace("{tool}", tool)].into(), ..target.clone() }
    }
}

/// Waits for an answer that is right, in a session of its own each time.
async fn answered(target: &Target) {
    let work = Work::Echo { bytes: 100 };
    let tool = target.tools.first().map_or("", String::as_str);
    let asked = async || {
        let mut talk = Talk::open(&target.place).await?;
        talk.initialize().await?;
        talk.queue(&work.request(0, 1, tool, false), "tools/call", tool, false);
        talk.flush().await?;
        let (_, answer) = talk.next().await?;
        work.check(0, &answer)
    };
    while asked().await.is_err() {
        sleep(PAUSE).await;
    }
}

fn filled(text: &str, port: u16, folder: &Path, server: &[String]) -> String {
    let json = serde_json::to_string(server.get(1..).unwrap_or_default()).unwrap_or_default();
    text.replace("{port}", &port.to_string())
        .replace("{dir}", &folder.display().to_string())
        .replace("{server}", &server.join(" "))
        .replace("{program}", server.first().map_or("", String::as_str))
        .replace("{argsJson}", &json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_ones_are_understood() {
        let known: Vec<Other> = serde_json::from_str(include_str!("others.json")).unwrap();
        assert!(known.len() >= 3);
        assert!(known.iter().all(|other| other.tool.contains("{tool}")), "{known:?}");
    }

    #[test]
    fn words_are_filled_in() {
        let server = ["/bin/echo", "echo", "--tools"].map(str::to_owned);
        for (text, expected) in [
            ("{port}", "81"),
            ("{dir}/a.json", "/d/a.json"),
            ("{server}", "/bin/echo echo --tools"),
            (
                r#"{"command":"{program}","args":{argsJson}}"#,
                r#"{"command":"/bin/echo","args":["echo","--tools"]}"#,
            ),
        ] {
            assert_eq!(filled(text, 81, Path::new("/d"), &server), expected);
        }
    }
}

//! This file knows how commands of container engines are built: which run a container, and how
//! that container is found again by its label.
//!
//! Pure: it runs nothing.

use std::collections::BTreeMap;

use conductor_config::StdioSpec;
use serde::{Deserialize, Serialize};

use super::run::Mark;

/// The label of everything that is started here.
const LABEL: &str = "conductor.run";

/// Programs that take the same commands.
const ENGINES: [&str; 2] = ["docker", "podman"];

/// Options before the command that take the next word as their value. One that is missing here and
/// takes a value leaves a word that is no command, and so no label.
const VALUED: [&str; 16] = [
    "-c",
    "-H",
    "-l",
    "--cgroup-manager",
    "--config",
    "--connection",
    "--context",
    "--host",
    "--identity",
    "--log-level",
    "--root",
    "--runroot",
    "--tlscacert",
    "--tlscert",
    "--tlskey",
    "--url",
];

/// Variables of an entry that say which engine is meant. They are written down for the next start,
/// and hold no secrets.
const TELLING: [&str; 15] = [
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "CONTAINER_CONNECTION",
    "CONTAINER_HOST",
    "DOCKER_API_VERSION",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "HOME",
    "PATH",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
];

/// How to speak with the engine that a child was started through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Engine {
    /// The program.
    pub(super) program: String,
    /// Options before its command.
    args: Vec<String>,
    /// Variables of the entry that say which engine is meant.
    pub(super) env: BTreeMap<String, String>,
}

/// The engine that `spec` has run a container, and the arguments that give it the label of `mark`;
/// `None` if it is no such command.
pub(super) fn labelled(spec: &StdioSpec, mark: &Mark) -> Option<(Engine, Vec<String>)> {
    let name = spec.program.rsplit('/').next()?;
    if !ENGINES.contains(&name) {
        return None;
    }
    let mut command = 0;
    while let Some(word) = spec.args.get(command).filter(|word| word.starts_with('-')) {
        command += if VALUED.contains(&word.as_str()) { 2 } else { 1 };
    }
    let words: Vec<&str> = spec.args.iter().skip(command).map(String::as_str).collect();
    let behind = match words.as_slice() {
        ["run", ..] => command + 1,
        ["container", "run", ..] => command + 2,
        _ => return None,
    };
    let mut args = spec.args.clone();
    args.insert(behind, format!("--label={LABEL}={mark}"));
    let telling = spec.env.iter().filter(|(name, _)| TELLING.contains(&name.as_str()));
    let engine = Engine {
        program: spec.program.clone(),
        args: spec.args[..command].to_vec(),
        env: telling.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
    };
    Some((engine, args))
}

impl Engine {
    /// The arguments that list the containers labelled with `mark`, running or not.
    pub(super) fn list(&self, mark: &str) -> Vec<String> {
        let filter = format!("label={LABEL}={mark}");
        self.command(["ps", "-aq", "--no-trunc", "--filter", &filter])
    }

    /// The arguments that end and remove containers.
    pub(super) fn remove(&self, ids: &[String]) -> Vec<String> {
        self.command(["rm", "-f"].into_iter().chain(ids.iter().map(String::as_str)))
    }

    fn command<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        self.args.iter().cloned().chain(words.into_iter().map(str::to_owned)).collect()
    }
}

/// The containers that a list names; whatever looks like no id is none.
pub(super) fn ids(list: &str) -> Vec<String> {
    let is_id = |word: &&str| {
        (12..=64).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    list.split_ascii_whitespace().filter(is_id).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use conductor_config::Secret;

    use super::*;

    fn spec(line: &str) -> StdioSpec {
        let mut words = line.split(' ').map(str::to_owned);
        let program = words.next().unwrap();
        let env = [("DOCKER_HOST", "tcp://h"), ("API_TOKEN", "s3cret"), ("DOCKER_AUTH", "s3cret")];
        let env = env.map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())));
        StdioSpec { program, args: words.collect(), env: env.into(), cwd: None }
    }

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let found = labelled(&spec(line), &Mark::from("m.7")).map(|(_, args)| args.join(" "));
        assert_eq!(found.as_deref(), expected, "{line}");
    }

    #[test]
    fn the_label_stands_right_behind_run() {
        check("docker run -i --rm x", Some("run --label=conductor.run=m.7 -i --rm x"));
        check("/usr/bin/podman run x run", Some("run --label=conductor.run=m.7 x run"));
        check("docker container run x", Some("container run --label=conductor.run=m.7 x"));
        check(
            "docker --context run -D --host=a run x",
            Some("--context run -D --host=a run --label=conductor.run=m.7 x"),
        );
        check("docker run", Some("run --label=conductor.run=m.7"));
    }

    #[test]
    fn nothing_else_is_touched() {
        for line in [
            "docker exec -i x run",
            "docker compose run x",
            "docker",
            "docker --context run",
            "docker --unknown value run x",
            "docker-run run x",
            "npx docker run x",
            "sh -c docker run x",
        ] {
            check(line, None);
        }
    }

    #[test]
    fn the_same_engine_is_asked_later_and_told_no_secret() {
        let (engine, _) = labelled(&spec("docker -H a run x"), &Mark::from("m.7")).unwrap();
        assert_eq!(
            engine.list("m.7").join(" "),
            "-H a ps -aq --no-trunc --filter label=conductor.run=m.7"
        );
        assert_eq!(engine.remove(&["1".into(), "2".into()]).join(" "), "-H a rm -f 1 2");
        assert_eq!(engine.env, BTreeMap::from([("DOCKER_HOST".into(), "tcp://h".into())]));
    }

    #[test]
    fn only_ids_are_removed() {
        let (long, short) = ("a".repeat(64), "0123456789ab");
        let list = format!("{long}\n{short}\n\nWARNING: x --all 123 {}\n", "b".repeat(65));
        assert_eq!(ids(&list), [long.as_str(), short]);
        assert!(ids("").is_empty());
    }
}

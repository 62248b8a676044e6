//! This file judges one entry of the settings: whether what it names is there, and what about it is
//! likely to go wrong.
//!
//! Pure: programs, folders and the network were looked at before.

use std::sync::Arc;
use std::time::Duration;

use conductor_config::{Secret, ServerSpec, StdioSpec, Transport, format_duration};

use super::findings::{Area, Check};
use super::programs::{Folder, Located, ProgramFacts};
use super::reach::Reached;
use crate::rest::masked;

/// The longest name of a server with which most tools still fit into what clients take.
const NAME_MAX: usize = 40;
/// Package runners need about so long when they download first.
const DOWNLOAD: Duration = Duration::from_secs(20);
/// Programs that download what they run.
const RUNNERS: [&str; 6] = ["npx", "uvx", "bunx", "pnpx", "pipx", "docker"];
/// Shorter than any real credential, or written to be replaced.
const PLACEHOLDERS: [&str; 8] =
    ["your-", "your_", "<your", "changeme", "change-me", "replace-me", "xxxx", "todo"];

/// What was found out about one entry.
#[derive(Debug)]
pub(crate) struct EntryFacts {
    pub(crate) spec: Arc<ServerSpec>,
    /// Of a child: its program.
    pub(crate) program: Option<ProgramFacts>,
    /// Of a server elsewhere: whether there is a way to it.
    pub(crate) reached: Option<Reached>,
}

/// What is to be said about an entry: at least one check.
pub(crate) fn entry(facts: &EntryFacts) -> Vec<Check> {
    let spec = &facts.spec;
    if !spec.enabled {
        return vec![about(spec, "disabled, left out".to_owned())];
    }
    let mut checks = match &spec.transport {
        Transport::Stdio(stdio) => child(facts, stdio),
        Transport::Remote(remote) => {
            let shown = remote.shown_url();
            let mut checks: Vec<Check> =
                facts.reached.iter().map(|reached| elsewhere(spec, &shown, reached)).collect();
            if remote.url.starts_with("http://") && !remote.headers.is_empty() && !is_here(&shown) {
                let message = "its headers travel unencrypted".to_owned();
                checks.push(about(spec, message).warns("use https in `url`"));
            }
            checks
        }
    };
    if spec.id.name.as_str().len() > NAME_MAX {
        let message = format!("its name has more than {NAME_MAX} characters");
        let cure = "shorten it: clients refuse tools whose name, prefix included, is over 64";
        checks.push(about(spec, message).warns(cure));
    }
    checks
}

fn about(spec: &ServerSpec, message: String) -> Check {
    Check::ok(Area::Servers, spec.id.to_string(), message)
}

fn child(facts: &EntryFacts, stdio: &StdioSpec) -> Vec<Check> {
    let spec = &facts.spec;
    let mut checks = Vec::new();
    if let Some(program) = &facts.program {
        checks.push(located(spec, stdio, &program.located));
        checks.extend(program.cwd.and_then(|folder| cwd(spec, stdio, folder)));
    }
    checks.extend(variables(spec, stdio));
    let words: Vec<&str> = stdio.args.iter().map(String::as_str).collect();
    if masked(words.iter().copied()) != words {
        let message = "an argument looks like a credential, and every user sees arguments in `ps`";
        let cure = "hand it over in `env`, if the server can take it from there";
        checks.push(about(spec, message.to_owned()).warns(cure));
    }
    if is_runner(&stdio.program) && spec.startup_timeout < DOWNLOAD {
        let limit = format_duration(spec.startup_timeout);
        let message = format!("`{}` may download first, and has {limit}", name(&stdio.program));
        checks.push(about(spec, message).warns("raise `startupTimeout`, to 60s say"));
    }
    checks
}

fn located(spec: &ServerSpec, stdio: &StdioSpec, located: &Located) -> Check {
    let program = &stdio.program;
    match located {
        Located::At(path) => about(spec, format!("runs {}", path.display())),
        Located::Locked(path) => {
            let message = format!("{} may not be run, or is no file", path.display());
            about(spec, message).fails(format!("chmod +x {}, or correct `command`", path.display()))
        }
        Located::NoInterpreter(path, program) => {
            let message = format!("{} is a script for {program}, which is missing", path.display());
            about(spec, message).fails(format!("install {program}, or run the script with another"))
        }
        Located::Missing(searched) if searched.is_empty() => {
            about(spec, format!("there is no {program}"))
                .fails("correct `command`; a relative path starts at `cwd`, else at the settings")
        }
        Located::Missing(searched) => {
            let message = format!("no program `{program}` in PATH ({})", searched.join(":"));
            about(spec, message).fails(missing(program))
        }
    }
}

/// What to do about a program that is not there.
fn missing(program: &str) -> String {
    let install = match program {
        "npx" | "npm" | "node" => "install Node.js",
        "uvx" | "uv" => "install uv",
        "docker" => "install Docker",
        "python" => "install Python, or name `python3`",
        "python3" => "install Python",
        "bunx" | "bun" => "install Bun",
        "deno" => "install Deno",
        _ => "install it",
    };
    format!("{install}, write its whole path as `command`, or set PATH in the entry's `env`")
}

fn cwd(spec: &ServerSpec, stdio: &StdioSpec, folder: Folder) -> Option<Check> {
    let path = stdio.cwd.as_ref()?.display();
    let what = match folder {
        Folder::Fine => return None,
        Folder::Missing => "does not exist",
        Folder::Other => "is not a directory",
        Folder::Locked => "may not be entered",
    };
    Some(about(spec, format!("its `cwd` {path} {what}")).fails("make it, or correct `cwd`"))
}

/// Variables that are set to nothing, or to what an example had in their place.
fn variables(spec: &ServerSpec, stdio: &StdioSpec) -> Vec<Check> {
    let names = |is_meant: &dyn Fn(&str) -> bool| -> Vec<String> {
        let found = stdio.env.iter().filter(|(_, value)| is_meant(Secret::expose(value)));
        found.map(|(name, _)| name.clone()).collect()
    };
    let mut checks = Vec::new();
    let empty = names(&|value| value.trim().is_empty());
    if !empty.is_empty() {
        let message = format!("empty in its environment: {}", empty.join(", "));
        checks.push(about(spec, message).warns("set it where the settings take it from"));
    }
    let examples = names(&is_placeholder);
    if !examples.is_empty() {
        let message = format!("still as in an example: {}", examples.join(", "));
        checks.push(about(spec, message).warns("put the real value in"));
    }
    checks
}

fn is_placeholder(value: &str) -> bool {
    let lower = value.trim().to_lowercase();
    let bracketed = lower.len() > 2 && lower.starts_with('<') && lower.ends_with('>');
    bracketed || PLACEHOLDERS.iter().any(|start| lower.starts_with(start))
}

fn elsewhere(spec: &ServerSpec, url: &str, reached: &Reached) -> Check {
    let (message, cure) = match reached {
        Reached::Yes => return about(spec, format!("{url} takes connections")),
        Reached::BadUrl => (format!("{url} is no URL of a server"), "correct `url`"),
        Reached::NoName(reason) => {
            (format!("the host of {url} is not known: {reason}"), "correct `url`, or look at DNS")
        }
        Reached::Refused(reason) => (
            format!("{url} takes no connection: {reason}"),
            "start it, or correct host and port in `url`",
        ),
        Reached::Silent(limit) => (
            format!("{url} was not reached within {}", format_duration(*limit)),
            "look at network and firewall, or correct `url`",
        ),
    };
    about(spec, message).fails(cure)
}

/// Whether a URL stays on this machine.
fn is_here(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    ["127.", "localhost", "[::1]"].iter().any(|start| host.starts_with(start))
}

fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn is_runner(program: &str) -> bool {
    RUNNERS.contains(&name(program))
}

#[cfg(test)]
mod tests {
    use conductor_config::{LoadRequest, load};

    use super::super::findings::Level;
    use super::*;

    fn spec(text: &str) -> Arc<ServerSpec> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.toml"), text).unwrap();
        let request = LoadRequest {
            files: vec!["a.toml".into()],
            env: [("HOME".to_owned(), "/home/me".to_owned())].into(),
            cwd: folder.path().to_owned(),
            ..LoadRequest::default()
        };
        let config = load(&request).unwrap();
        Arc::clone(config.servers.values().next().unwrap())
    }

    fn found(located: Located) -> EntryFacts {
        EntryFacts {
            spec: spec("[mcpServers.a]\ncommand = 'npx'\nargs = []"),
            program: Some(ProgramFacts { located, cwd: None }),
            reached: None,
        }
    }

    /// The levels and words of what is said, joined.
    #[track_caller]
    fn check(facts: &EntryFacts, level: Level, words: &[&str]) {
        let checks = entry(facts);
        let worst = checks.iter().map(|check| check.level).max();
        assert_eq!(worst, Some(level), "{checks:?}");
        let told: Vec<String> = checks
            .iter()
            .map(|check| format!("{} {}", check.message, check.cure.as_deref().unwrap_or("")))
            .collect();
        let told = told.join("\n");
        for word in words {
            assert!(told.contains(word), "{word}: {told}");
        }
    }

    #[test]
    fn a_program_that_cannot_run_is_told_with_the_cure() {
        check(&found(Located::At("/bin/npx".into())), Level::Ok, &["runs /bin/npx"]);
        let nowhere = Located::Missing(vec!["/bin".into()]);
        check(&found(nowhere), Level::Problem, &["`npx` in PATH (/bin)", "install Node.js"]);
        check(&found(Located::Locked("/x/npx".into())), Level::Problem, &["chmod +x /x/npx"]);
        let script = Located::NoInterpreter("/x/npx".into(), "/usr/bin/node".into());
        check(&found(script), Level::Problem, &["script for /usr/bin/node, which is missing"]);
    }

    #[track_caller]
    fn check_entry(more: &str, level: Level, words: &[&str]) {
        let facts = EntryFacts {
            spec: spec(&format!("[mcpServers.a]\n{more}")),
            ..found(Located::At("/bin/x".into()))
        };
        check(&facts, level, words);
    }

    #[test]
    fn what_is_likely_to_go_wrong_is_a_warning() {
        let entry = "command = 'x'\nargs = []\n";
        check_entry(entry, Level::Ok, &[]);
        check_entry(&format!("{entry}env = {{ A = '' }}"), Level::Warning, &["empty", "A"]);
        let example = format!("{entry}env = {{ K = '<your key>', L = 'YOUR_TOKEN', M = 'm' }}");
        check_entry(&example, Level::Warning, &["as in an example: K, L"]);
        check_entry("command = 'x'\nargs = ['--token=abc']", Level::Warning, &["credential"]);
        let runner = "command = 'uvx'\nargs = []\nstartupTimeout = '5s'";
        check_entry(runner, Level::Warning, &["may download first, and has 5s", "startupTimeout"]);
        check_entry(&format!("{entry}enabled = false"), Level::Ok, &["disabled"]);
    }

    #[test]
    fn values_of_the_environment_are_never_told() {
        let text = "[mcpServers.a]\ncommand = 'x'\nargs = []\nenv = { K = 'xxxx-hush' }";
        let facts = EntryFacts { spec: spec(text), ..found(Located::Locked("/x".into())) };
        assert!(!format!("{:?}", entry(&facts)).contains("hush"));
    }

    #[test]
    fn a_folder_that_is_none_is_a_problem() {
        for (folder, word) in [
            (Folder::Missing, "does not exist"),
            (Folder::Other, "is not a directory"),
            (Folder::Locked, "may not be entered"),
        ] {
            let mut facts = found(Located::At("/bin/npx".into()));
            facts.spec = spec("[mcpServers.a]\ncommand = 'npx'\nargs = []\ncwd = '/srv'");
            facts.program =
                facts.program.map(|program| ProgramFacts { cwd: Some(folder), ..program });
            check(&facts, Level::Problem, &["`cwd` /srv", word]);
        }
    }

    #[test]
    fn a_server_elsewhere_is_reached_or_not() {
        let at = |reached, url: &str| EntryFacts {
            spec: spec(&format!("[mcpServers.a]\nurl = '{url}'\nheaders = {{ X = 'y' }}")),
            program: None,
            reached: Some(reached),
        };
        let (safe, bare) = ("https://a.example/mcp", "http://a.example/mcp?key=hush");
        check(&at(Reached::Yes, safe), Level::Ok, &["takes connections"]);
        check(&at(Reached::Yes, bare), Level::Warning, &["unencrypted"]);
        check(&at(Reached::Yes, "http://127.0.0.1:1/"), Level::Ok, &["takes connections"]);
        check(&at(Reached::Refused("no".into()), safe), Level::Problem, &["no connection: no"]);
        let silent = Reached::Silent(Duration::from_secs(3));
        check(&at(silent, safe), Level::Problem, &["within 3s", "firewall"]);
        assert!(!format!("{:?}", entry(&at(Reached::BadUrl, bare))).contains("hush"));
    }
}

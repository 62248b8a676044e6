//! This file judges the settings files as such: whether they can be read, who else may read or
//! change them, and which names in them will be confused.
//!
//! It reads modes of files and no contents; what the settings mean is `conductor-config`'s to say.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use conductor_config::{Config, Problem, ServerId};

use super::findings::{Area, Check, Level};

/// A file that settings come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileFacts {
    pub(crate) path: PathBuf,
    /// Whether there is nothing but secrets in it.
    pub(crate) is_secret: bool,
    /// Its permission bits; none if they cannot be read.
    pub(crate) mode: Option<u32>,
    /// Its owner.
    pub(crate) owner: u32,
    /// The user of this process.
    pub(crate) me: u32,
}

/// Looks at one file.
pub(crate) fn file_facts(path: PathBuf, is_secret: bool) -> FileFacts {
    let found = std::fs::metadata(&path).ok();
    FileFacts {
        is_secret,
        mode: found.as_ref().map(|found| found.mode() & 0o7777),
        owner: found.map_or(0, |found| found.uid()),
        me: rustix::process::geteuid().as_raw(),
        path,
    }
}

/// A check for each mistake in the settings.
pub(crate) fn problems(problems: &[Problem]) -> Vec<Check> {
    let cure = "correct it; `conductor check` looks again at the settings alone";
    let failed =
        |problem: &Problem| Check::ok(Area::Settings, "settings", problem.to_string()).fails(cure);
    problems.iter().map(failed).collect()
}

/// A check for each thing that was accepted and may surprise.
pub(crate) fn warnings(warnings: &[String]) -> Vec<Check> {
    let told = |warning: &String| {
        Check::ok(Area::Settings, "settings", warning).warns("remove it, or leave it as it is")
    };
    warnings.iter().map(told).collect()
}

/// What is to be said about the files.
pub(crate) fn files(found: &[FileFacts]) -> Vec<Check> {
    if found.iter().all(|file| file.is_secret) {
        let none = "no settings file was found, so there are no servers";
        let cure = "name one with --config, or write conductor.toml or .mcp.json here";
        return vec![Check::ok(Area::Settings, "settings", none).warns(cure)];
    }
    found.iter().map(file).collect()
}

/// What is to be said at a start about the files that these settings come from: whoever else may
/// change them, or read those with secrets in them.
pub(crate) fn doubts(config: &Config) -> Vec<String> {
    let facts = |is_secret| move |path: &PathBuf| file_facts(path.clone(), is_secret);
    let sources = config.sources.iter().map(facts(false));
    let all = sources.chain(config.secret_files.iter().map(facts(true)));
    let odd = all.map(|found| file(&found)).filter(|check| check.level != Level::Ok);
    odd.map(|check| {
        let cure = check.cure.map(|cure| format!("; {cure}")).unwrap_or_default();
        format!("{}: {}{cure}", check.subject, check.message)
    })
    .collect()
}

fn file(found: &FileFacts) -> Check {
    let path = found.path.display().to_string();
    let what = if found.is_secret { "secrets" } else { "settings" };
    let check = |message: String| Check::ok(Area::Settings, &path, message);
    let Some(mode) = found.mode else {
        return check(format!("holds {what}, and cannot be looked at")).warns("look at its mode");
    };
    if mode & 0o002 != 0 {
        let message = format!("holds {what}, and everybody may change it (mode {mode:04o})");
        return check(message)
            .fails(format!("chmod o-w {path}: whoever writes it decides what runs"));
    }
    if found.owner != found.me && found.owner != 0 {
        let message = format!("holds {what}, and belongs to user {}", found.owner);
        return check(message).warns("make sure that you trust that user with what runs here");
    }
    if found.is_secret && mode & 0o077 != 0 {
        let message = format!("holds secrets, and others may read it (mode {mode:04o})");
        return check(message).warns(format!("chmod 600 {path}"));
    }
    check(format!("read, holds {what}"))
}

/// Servers of one workspace whose names become one where a client, or an environment variable,
/// turns `-` into `_`.
pub(crate) fn look_alikes<'a>(servers: impl Iterator<Item = &'a ServerId>) -> Vec<String> {
    let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in servers {
        let key = format!("{}/{}", id.workspace, id.name).replace('-', "_");
        alike.entry(key).or_default().push(format!("`{id}`"));
    }
    let alike = alike.into_values().filter(|names| names.len() > 1);
    alike
        .map(|names| {
            let names = names.join(" and ");
            format!("{names} have the same name for clients that turn `-` into `_`; rename one")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_names(names: &[&str], expected: &[&str]) {
        let ids: Vec<ServerId> = names.iter().map(|name| name.parse().unwrap()).collect();
        assert_eq!(look_alikes(ids.iter()), expected);
    }

    #[test]
    fn names_that_differ_in_hyphens_only_look_alike() {
        check_names(&["git", "git2", "a-b", "x/a_b"], &[]);
        check_names(
            &["a-b", "a_b", "c"],
            &["`a-b` and `a_b` have the same name for clients that turn `-` into `_`; rename one"],
        );
    }

    #[track_caller]
    fn check_file(is_secret: bool, mode: u32, owner: u32, level: Level, words: &str) {
        let path = PathBuf::from("s.toml");
        let found = FileFacts { path, is_secret, mode: Some(mode), owner, me: 1000 };
        let check = file(&found);
        assert_eq!(check.level, level, "{check:?}");
        let told = format!("{} {}", check.message, check.cure.unwrap_or_default());
        assert!(told.contains(words), "{told}");
    }

    #[test]
    fn whoever_may_change_or_read_a_file_is_told() {
        check_file(false, 0o644, 1000, Level::Ok, "read");
        check_file(false, 0o666, 1000, Level::Problem, "chmod o-w s.toml");
        check_file(false, 0o644, 1001, Level::Warning, "user 1001");
        check_file(false, 0o644, 0, Level::Ok, "read");
        check_file(true, 0o600, 1000, Level::Ok, "read");
        check_file(true, 0o640, 1000, Level::Warning, "chmod 600 s.toml");
        check_file(true, 0o666, 1000, Level::Problem, "chmod o-w s.toml");
    }

    #[test]
    fn no_settings_at_all_are_told_as_such() {
        assert!(files(&[])[0].message.contains("no settings file"));
    }
}

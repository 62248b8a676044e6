//! This file looks for the program of an entry as the system will when it is started.
//!
//! It runs nothing and judges nothing.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use conductor_config::{Secret, StdioSpec};
use rustix::fs::{Access, access};

/// What became of looking for a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Located {
    /// It is here, and may be run.
    At(PathBuf),
    /// It is here, and may not be run, or is no file.
    Locked(PathBuf),
    /// It is a script, and what its first line names is missing.
    NoInterpreter(PathBuf, String),
    /// There is none; these folders were searched, if it was to be searched for.
    Missing(Vec<String>),
}

/// What there is to know of an entry's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProgramFacts {
    pub(crate) located: Located,
    /// Whether the working directory that the settings name is one; none if they name none.
    pub(crate) cwd: Option<Folder>,
}

/// What a folder that was named turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    /// One that may be entered.
    Fine,
    /// Nothing.
    Missing,
    /// Something else.
    Other,
    /// One that may not be entered.
    Locked,
}

/// Looks at the program of `spec`; `path` is the daemon's own `PATH`.
pub(crate) fn look_at_program(spec: &StdioSpec, path: Option<&str>) -> ProgramFacts {
    ProgramFacts { located: locate(spec, path), cwd: spec.cwd.as_deref().map(folder) }
}

/// Where the program of `spec` is. The entry's own `PATH` wins over `path`.
pub(crate) fn locate(spec: &StdioSpec, path: Option<&str>) -> Located {
    let base = spec.cwd.clone().unwrap_or_default();
    if spec.program.contains('/') {
        return look_at(base.join(&spec.program)).unwrap_or(Located::Missing(Vec::new()));
    }
    let own = spec.env.get("PATH").map(Secret::expose);
    // What the system searches where nobody says anything.
    let path = own.or(path).unwrap_or("/bin:/usr/bin");
    let folders = || path.split(':').filter(|folder| !folder.is_empty());
    let found = folders().filter_map(|dir| look_at(base.join(dir).join(&spec.program)));
    // One further back is taken where the first may not be run.
    let found: Vec<Located> = found.collect();
    let runs = found.iter().position(|located| !matches!(located, Located::Locked(_)));
    found
        .get(runs.unwrap_or(0))
        .cloned()
        .unwrap_or_else(|| Located::Missing(folders().map(str::to_owned).collect()))
}

fn look_at(path: PathBuf) -> Option<Located> {
    let found = fs::metadata(&path).ok()?;
    if !found.is_file() || access(&path, Access::EXEC_OK).is_err() || found.mode() & 0o111 == 0 {
        return Some(Located::Locked(path));
    }
    match interpreter(&path) {
        Ok(Some(program)) if !Path::new(&program).exists() => {
            Some(Located::NoInterpreter(path, program))
        }
        _ => Some(Located::At(path)),
    }
}

/// What the first line of a script names.
fn interpreter(path: &Path) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    File::open(path)?.take(256).read_to_end(&mut head)?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(rest) = line.strip_prefix(b"#!") else { return Ok(None) };
    let rest = String::from_utf8_lossy(rest);
    Ok(rest.split_whitespace().next().map(str::to_owned))
}

fn folder(path: &Path) -> Folder {
    match fs::metadata(path) {
        Err(_) => Folder::Missing,
        Ok(found) if !found.is_dir() => Folder::Other,
        Ok(_) if access(path, Access::EXEC_OK).is_err() => Folder::Locked,
        Ok(_) => Folder::Fine,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn spec(program: &str, cwd: Option<&Path>) -> StdioSpec {
        StdioSpec {
            program: program.to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: cwd.map(Path::to_owned),
        }
    }

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_program_is_looked_for_as_the_system_does() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (dir.path().join("1"), dir.path().join("2"));
        fs::create_dir(&first).unwrap();
        fs::create_dir(&second).unwrap();
        write(&first.join("tool"), "not to be run", 0o644);
        write(&second.join("tool"), "#!/bin/sh\n", 0o755);
        write(&second.join("script"), "#!/no/such/node -x\n", 0o755);
        let path = format!("{}:{}", first.display(), second.display());
        let look = |program: &str| locate(&spec(program, None), Some(&path));
        assert_eq!(look("tool"), Located::At(second.join("tool")));
        assert_eq!(
            look("script"),
            Located::NoInterpreter(second.join("script"), "/no/such/node".to_owned())
        );
        assert!(matches!(look("other"), Located::Missing(folders) if folders.len() == 2));
        let locked = first.join("tool");
        assert_eq!(look(locked.to_str().unwrap()), Located::Locked(locked));
        assert_eq!(
            locate(&spec("./tool", Some(&second)), None),
            Located::At(second.join("./tool"))
        );
        let mut own = spec("tool", None);
        own.env.insert("PATH".to_owned(), Secret::new(second.display().to_string()));
        assert_eq!(locate(&own, Some("/nowhere")), Located::At(second.join("tool")));
    }

    #[test]
    fn a_working_directory_is_one_or_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        write(&file, "", 0o644);
        assert_eq!(folder(dir.path()), Folder::Fine);
        assert_eq!(folder(&file), Folder::Other);
        assert_eq!(folder(&dir.path().join("gone")), Folder::Missing);
    }
}

//! This file finds out which directories must be watched so that no change of what a path leads to
//! is missed: files are replaced more often than written, and links are turned.
//!
//! It looks at the file system as it is now; whoever watches asks again after each change.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Links in one path, at most, as in the kernel.
const LINKS_MAX: usize = 40;

/// Directories to watch, and what in them matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The directories.
    pub(super) directories: BTreeSet<PathBuf>,
    names: BTreeSet<PathBuf>,
}

impl Places {
    /// Those of these files. Files need not be there.
    pub(super) fn of<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let mut places = Self::default();
        for file in files {
            places.add(file);
        }
        places
    }

    /// Whether something that happened to `path` matters.
    pub(super) fn matter(&self, path: &Path) -> bool {
        self.names.contains(path) || self.directories.contains(path)
    }

    /// Follows `file` name by name, and notes every link, the first name that is not there, and the
    /// file itself.
    fn add(&mut self, file: &Path) {
        let mut rest = Vec::new();
        push(&mut rest, file);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let here = at.join(&name);
            if let Ok(target) = here.read_link() {
                self.note(&at, here);
                links += 1;
                if links > LINKS_MAX {
                    return;
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                push(&mut rest, &target);
                continue;
            }
            let missing = here.symlink_metadata().is_err();
            if rest.is_empty() || missing {
                self.note(&at, here.clone());
            }
            if missing {
                return;
            }
            at = here;
        }
    }

    fn note(&mut self, directory: &Path, name: PathBuf) {
        self.directories.insert(directory.to_owned());
        self.names.insert(name);
    }
}

/// Puts the names of `path` on the stack, its first one on top.
fn push(rest: &mut Vec<OsString>, path: &Path) {
    let names = path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    rest.extend(names);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        (folder, root)
    }

    #[track_caller]
    fn check(root: &Path, file: &str, directories: &[&str], names: &[&str]) {
        let places = Places::of([&root.join(file)]);
        let paths = |list: &[&str]| -> BTreeSet<PathBuf> {
            list.iter().map(|path| root.join(path).components().collect()).collect()
        };
        assert_eq!(places.directories, paths(directories), "{file}");
        assert_eq!(places.names, paths(names), "{file}");
    }

    #[test]
    fn a_plain_file_is_seen_from_its_directory() {
        let (_folder, root) = folder();
        std::fs::write(root.join("a.toml"), "").unwrap();
        check(&root, "a.toml", &[""], &["a.toml"]);
        check(&root, "./a.toml", &[""], &["a.toml"]);
        let places = Places::of([&root.join("a.toml")]);
        assert!(places.matter(&root.join("a.toml")) && places.matter(&root));
        assert!(!places.matter(&root.join("daemon.log")));
    }

    #[test]
    fn every_link_on_the_way_is_seen() {
        let (_folder, root) = folder();
        std::fs::create_dir(root.join("v1")).unwrap();
        std::fs::write(root.join("v1/a.toml"), "").unwrap();
        symlink("v1", root.join("current")).unwrap();
        symlink(root.join("current/a.toml"), root.join("a.toml")).unwrap();
        let names = ["a.toml", "current", "v1/a.toml"];
        check(&root, "a.toml", &["", "v1"], &names);
        check(&root, "v1/../a.toml", &["", "v1"], &names);
    }

    #[test]
    fn what_is_not_there_is_waited_for_where_it_would_appear() {
        let (_folder, root) = folder();
        check(&root, "later/conductor/a.toml", &[""], &["later"]);
        symlink("gone.toml", root.join("a.toml")).unwrap();
        check(&root, "a.toml", &[""], &["a.toml", "gone.toml"]);
    }

    #[test]
    fn links_in_a_circle_come_to_an_end() {
        let (_folder, root) = folder();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        check(&root, "a", &[""], &["a", "b"]);
    }
}

//! This file finds the settings files when none was named.
//! It does not read them.

use std::path::PathBuf;

use crate::LoadRequest;

/// The files to read: those named by flag, else those in `$CONDUCTOR_CONFIG` (separated
/// by `:`), else the first of the usual places that exists, else none.
pub(crate) fn files(request: &LoadRequest) -> Vec<PathBuf> {
    if !request.files.is_empty() {
        return request.files.clone();
    }
    let named = request.env.get("CONDUCTOR_CONFIG").map(String::as_str).unwrap_or_default();
    let named: Vec<PathBuf> =
        named.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
    if !named.is_empty() {
        return named;
    }
    let exists = |path: &PathBuf| request.cwd.join(path).is_file();
    usual_places(request).into_iter().find(exists).into_iter().collect()
}

fn usual_places(request: &LoadRequest) -> Vec<PathBuf> {
    let absolute = |name: &str| request.env.get(name).filter(|path| path.starts_with('/'));
    let home = || absolute("HOME").map(|home| PathBuf::from(home).join(".config"));
    let personal = absolute("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    let mut places = vec![PathBuf::from("conductor.toml"), PathBuf::from(".mcp.json")];
    places.extend(personal.map(|folder| folder.join("conductor/conductor.toml")));
    places.push(PathBuf::from("/etc/conductor/conductor.toml"));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(files: &[&str], env: &[(&str, &str)]) -> LoadRequest {
        LoadRequest {
            files: files.iter().map(PathBuf::from).collect(),
            env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..LoadRequest::default()
        }
    }

    fn shown(paths: &[PathBuf]) -> String {
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn flags_win_over_the_variable() {
        let env = [("CONDUCTOR_CONFIG", "/c.toml:/d.json")];
        assert_eq!(shown(&files(&request(&["a.toml", "b.toml"], &env))), "a.toml b.toml");
        assert_eq!(shown(&files(&request(&[], &env))), "/c.toml /d.json");
    }

    #[test]
    fn the_usual_places_are_looked_at_in_order() {
        let home = [("HOME", "/home/me")];
        assert_eq!(
            shown(&usual_places(&request(&[], &home))),
            "conductor.toml .mcp.json /home/me/.config/conductor/conductor.toml \
             /etc/conductor/conductor.toml"
        );
        let xdg = [("HOME", "/home/me"), ("XDG_CONFIG_HOME", "/x")];
        assert_eq!(
            shown(&usual_places(&request(&[], &xdg))),
            "conductor.toml .mcp.json /x/conductor/conductor.toml /etc/conductor/conductor.toml"
        );
    }

    #[test]
    fn the_first_place_that_exists_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let mut request =
            request(&[], &[("CONDUCTOR_CONFIG", ""), ("XDG_CONFIG_HOME", "/nowhere")]);
        request.cwd = folder.path().to_path_buf();
        std::fs::write(folder.path().join(".mcp.json"), "{}").unwrap();
        assert_eq!(shown(&files(&request)), ".mcp.json");
        std::fs::write(folder.path().join("conductor.toml"), "").unwrap();
        assert_eq!(shown(&files(&request)), "conductor.toml");
    }
}

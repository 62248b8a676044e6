//! This file is what the tests of this folder share.

use std::collections::BTreeMap;

use conductor_config::{Config, LoadRequest, load};

/// The settings of one file with this text.
#[track_caller]
pub(super) fn settings(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), text).unwrap();
    let request = LoadRequest {
        files: vec!["a.toml".into()],
        env: BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]),
        cwd: folder.path().to_owned(),
        ..LoadRequest::default()
    };
    let mut config = load(&request).unwrap();
    // The folder is another one each time.
    config.sources = vec!["a.toml".into()];
    config
}

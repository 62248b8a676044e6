//! This file names everything that settings are made from, so that loading them
//! depends on nothing of the process. It does not collect it: the program does.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use crate::{Decrypter, LogFormat};

/// What to load settings from.
#[derive(Debug, Clone, Default)]
pub struct LoadRequest {
    /// The files named with `--config`, the later ones winning; if there are none, they
    /// are looked for.
    pub files: Vec<PathBuf>,
    /// What other flags said.
    pub overrides: Overrides,
    /// The environment, for `CONDUCTOR_…` variables, `${VAR}` and the usual folders.
    pub env: BTreeMap<String, String>,
    /// The working directory, absolute: where files are looked for and what relative
    /// paths given by flag or environment are relative to.
    pub cwd: PathBuf,
    /// What decrypts `encrypted:` values; without it they are refused.
    pub decrypter: Decrypter,
}

/// Settings given by flag; they win over every file and the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`, as `listen.http`.
    pub listen: Option<SocketAddr>,
    /// `--state-dir`, as `state.dir`.
    pub state_dir: Option<PathBuf>,
    /// `--log-format`, as `log.format`.
    pub log_format: Option<LogFormat>,
}

//! This file collects what settings are made from: files and flags of the command line, and the
//! process's environment and working directory.
//!
//! It leaves reading and checking them to `conductor-config`.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use conductor_config::{Config, LoadRequest, Overrides, load, load_state};

use super::args::{DaemonArgs, SettingsArgs};
use crate::admin::Client;
use crate::credentials::decrypter;
use crate::exit::Failure;

/// What the process was given, beside its arguments.
pub(super) struct Surroundings {
    /// Its environment, and `CONDUCTOR_EXE`, the path of this program, for settings that want to
    /// start it. Variables that are not UTF-8 are left out.
    pub(super) env: BTreeMap<String, String>,
    /// Its working directory.
    pub(super) cwd: PathBuf,
}

impl Surroundings {
    pub(super) fn read() -> Result<Self, Failure> {
        let system = |doing| move |source| Failure::System { doing, source };
        let cwd = std::env::current_dir().map_err(system("find the working directory"))?;
        let vars = std::env::vars_os();
        let mut env: BTreeMap<String, String> = vars
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        if let Some(program) =
            std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok())
        {
            env.insert("CONDUCTOR_EXE".to_owned(), program);
        }
        Ok(Self { env, cwd })
    }

    /// The settings that come of `files` and `overrides` in these surroundings.
    pub(super) fn settings(
        &self,
        files: &[PathBuf],
        overrides: Overrides,
    ) -> Result<Config, Failure> {
        Ok(load(&self.request(files, overrides))?)
    }

    /// Where the daemon of these settings keeps its state.
    pub(super) fn state_dir(&self, files: &[PathBuf]) -> Result<PathBuf, Failure> {
        let request = self.request(files, Overrides::default());
        Ok(load_state(&request)?.dir)
    }

    /// What to load, time and again.
    pub(super) fn request(&self, files: &[PathBuf], overrides: Overrides) -> LoadRequest {
        LoadRequest {
            files: files.to_vec(),
            overrides,
            env: self.env.clone(),
            cwd: self.cwd.clone(),
            decrypter: decrypter(&self.env, None),
        }
    }

    /// What the log is to show: `RUST_LOG` where it is set, else as in the settings.
    pub(super) fn log_filter(&self, config: &Config) -> String {
        let asked = self.env.get("RUST_LOG").filter(|filter| !filter.trim().is_empty());
        asked.unwrap_or(&config.log.filter).clone()
    }
}

/// What the flags of a daemon override.
pub(super) fn overrides(args: &SettingsArgs) -> Overrides {
    Overrides {
        listen: args.listen,
        state_dir: args.state_dir.clone(),
        log_format: args.log_format.map(Into::into),
    }
}

/// A client of the daemon that `args` name: by state directory, or by the settings that say
/// where it is. What is wrong with them elsewhere is not in the way.
pub(super) fn client(args: &DaemonArgs) -> Result<Client, Failure> {
    Ok(Client::new(&state_dir(args)?))
}

/// Where the daemon that `args` name keeps its state.
pub(super) fn state_dir(args: &DaemonArgs) -> Result<PathBuf, Failure> {
    let surroundings = Surroundings::read()?;
    match &args.state_dir {
        Some(dir) => Ok(surroundings.cwd.join(dir)),
        None => surroundings.state_dir(&args.files.config),
    }
}

/// The same, made where there is none, and nobody else's to look at.
pub(super) fn private_state_dir(args: &DaemonArgs) -> Result<PathBuf, Failure> {
    let dir = state_dir(args)?;
    let made = |source| Failure::System { doing: "make the state directory", source };
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(made)?;
    Ok(dir)
}

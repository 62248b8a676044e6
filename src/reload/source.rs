//! This file loads settings as they were asked for when the process was started, then and every
//! time after.
//!
//! It leaves reading and checking them to `conductor-config`.

use std::collections::BTreeMap;
use std::path::Path;

use conductor_config::{Config, ConfigError, Decrypter, LoadRequest, load};

use crate::doctor::doubts;

/// Where settings come from. It stays the same as long as the process lives.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    request: LoadRequest,
    http: bool,
}

impl Source {
    /// Settings that come of `request`; without an HTTP door unless `http`.
    pub(crate) fn new(request: LoadRequest, http: bool) -> Self {
        Self { request, http }
    }

    /// The settings as they are now, with a warning for each file that somebody else may change.
    ///
    /// # Errors
    ///
    /// If anything is wrong with them, with every problem found.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        let mut config = load(&self.request)?;
        config.warnings.extend(doubts(&config));
        if !self.http {
            config.listen.http = None;
        }
        Ok(config)
    }

    /// The same with the state directory where it is, whatever the settings say of it: paths in
    /// other settings start there.
    pub(super) fn with_state_in(&self, dir: &Path) -> Self {
        let mut request = self.request.clone();
        request.overrides.state_dir = Some(dir.to_owned());
        Self { request, http: self.http }
    }

    /// What decrypts values in them.
    pub(crate) fn decrypter(&self) -> &Decrypter {
        &self.request.decrypter
    }

    /// The environment that settings refer to.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.request.env
    }
}

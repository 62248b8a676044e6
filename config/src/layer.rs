//! This file makes one source of settings a layer for figment, which puts the layers on
//! top of each other and remembers where every value came from.
//! It does not decide which sources there are.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Tag, Value},
};

use crate::clients;

/// The settings of one source.
pub(crate) struct Layer {
    /// What the source is called in messages.
    pub(crate) shown: String,
    /// The file, if it is one.
    pub(crate) file: Option<PathBuf>,
    /// What it says.
    pub(crate) dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let metadata = Metadata::named(self.shown.clone());
        match &self.file {
            Some(file) => metadata.source(figment::Source::File(file.clone())),
            None => metadata,
        }
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

/// Layers on top of each other.
#[derive(Default)]
pub(crate) struct Layers(Figment);

/// Where a value came from.
pub(crate) struct Origin<'a> {
    /// What the source is called in messages.
    pub(crate) shown: String,
    /// The file, if it is one.
    pub(crate) file: Option<&'a Path>,
}

impl Layers {
    /// Puts one more layer on top: its values win, its tables are merged key by key, its
    /// lists replace.
    pub(crate) fn push(&mut self, layer: Layer) {
        self.0 = std::mem::take(&mut self.0).merge(layer);
    }

    /// Everything merged.
    pub(crate) fn merged(&self) -> Dict {
        let mut profiles = self.0.data().unwrap_or_default();
        profiles.remove(&Profile::Default).unwrap_or_default()
    }

    /// Where the value with this tag came from.
    pub(crate) fn origin(&self, tag: Tag) -> Origin<'_> {
        match self.0.get_metadata(tag) {
            Some(metadata) => Origin {
                shown: metadata.name.to_string(),
                file: metadata.source.as_ref().and_then(|source| source.file_path()),
            },
            None => Origin { shown: "the settings".to_owned(), file: None },
        }
    }
}

/// Leaves out what is null, except among the servers: a key without a value is one that
/// is not set, and must not hide the value of an earlier layer.
pub(crate) fn without_nulls(dict: Dict) -> Dict {
    let servers = |key: &str| key == "mcpServers" || clients::SERVER_TABLES.contains(&key);
    let kept = dict.into_iter().filter_map(|(key, value)| match value {
        value if servers(&key) => Some((key, value)),
        Value::Empty(..) => None,
        Value::Dict(tag, inner) => Some((key, Value::Dict(tag, without_nulls(inner)))),
        value => Some((key, value)),
    });
    kept.collect()
}

//! This file reads what a server declares that it can do.
//!
//! Pure. It leaves asking the server to `sdk` and `remote`.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::model::{Extensions, Offers, Tells};
use crate::wire::{Hop, Members, TASKS};

/// The member `capabilities` of what a server answers first.
#[derive(Deserialize, Default)]
pub(super) struct Capabilities {
    #[serde(default)]
    tools: Option<ListCapability>,
    #[serde(default)]
    prompts: Option<ListCapability>,
    #[serde(default)]
    resources: Option<ListCapability>,
    #[serde(default)]
    completions: Option<IgnoredAny>,
    #[serde(default)]
    logging: Option<IgnoredAny>,
    #[serde(default)]
    tasks: Option<serde_json::Value>,
    #[serde(default)]
    extensions: Option<serde_json::Value>,
    #[serde(default)]
    experimental: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
struct ListCapability {
    #[serde(rename = "listChanged", default)]
    list_changed: Option<bool>,
    #[serde(default)]
    subscribe: Option<bool>,
}

impl Capabilities {
    /// Reads the result of `initialize` or `server/discover`; nothing if there are none in it.
    pub(super) fn in_result(result: &Bytes) -> Option<Self> {
        let raw = Members::read(result).ok()?.take("capabilities")?;
        serde_json::from_slice(&raw).ok()
    }

    /// What they amount to in a revision of this kind.
    pub(super) fn offers(&self, hop: Hop) -> Offers {
        let tells = |list: &Option<ListCapability>| {
            list.as_ref().is_some_and(|list| list.list_changed == Some(true))
        };
        Offers {
            prompts: self.prompts.is_some(),
            resources: self.resources.is_some(),
            completions: self.completions.is_some(),
            logging: self.logging.is_some(),
            subscriptions: self.resources.as_ref().is_some_and(|it| it.subscribe == Some(true)),
            tasks: self.tasks(hop).then_some(hop),
            tells: Tells {
                tools: tells(&self.tools),
                prompts: tells(&self.prompts),
                resources: tells(&self.resources),
            },
            extensions: self.beyond(hop).map(Arc::new),
        }
    }

    /// What no revision knows; tasks are bridged, and declared otherwise.
    fn beyond(&self, hop: Hop) -> Option<Extensions> {
        let raw = |declared: &Option<serde_json::Value>| {
            let mut declared = declared.as_ref()?.as_object()?.clone();
            declared.remove(TASKS);
            (!declared.is_empty())
                .then(|| Bytes::from(serde_json::Value::from(declared).to_string()))
        };
        let (experimental, extensions) = (raw(&self.experimental), raw(&self.extensions));
        let any = experimental.is_some() || extensions.is_some();
        any.then_some(Extensions { hop, experimental, extensions })
    }

    /// Whether calls of tools can become tasks: because their caller asks for it, or because the
    /// server does.
    fn tasks(&self, hop: Hop) -> bool {
        match hop {
            Hop::Legacy => {
                let tasks = self.tasks.as_ref();
                tasks.is_some_and(|it| it.pointer("/requests/tools/call").is_some())
            }
            Hop::Modern => self.extensions.as_ref().is_some_and(|it| it.get(TASKS).is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(capabilities: &str, hop: Hop, expected: &Offers) {
        let result = Bytes::from(format!(r#"{{"x":1,"capabilities":{capabilities}}}"#));
        assert_eq!(Capabilities::in_result(&result).unwrap().offers(hop), *expected);
    }

    #[test]
    fn what_is_declared_is_offered() {
        let tells = Tells { tools: true, ..Tells::default() };
        check(
            r#"{"tools":{"listChanged":true},"prompts":{"listChanged":null},"logging":{}}"#,
            Hop::Legacy,
            &Offers { prompts: true, logging: true, tells, ..Offers::default() },
        );
        let resources = r#"{"resources":{"subscribe":true},"completions":{"odd":1}}"#;
        let offers =
            Offers { resources: true, subscriptions: true, completions: true, ..Offers::default() };
        check(resources, Hop::Modern, &offers);
    }

    #[test]
    fn each_kind_of_revision_has_tasks_of_its_own() {
        let none = Offers::default();
        let tasks = |hop| Offers { tasks: Some(hop), ..Offers::default() };
        let core = r#"{"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}}"#;
        check(core, Hop::Legacy, &tasks(Hop::Legacy));
        check(core, Hop::Modern, &none);
        check(r#"{"tasks":{"list":{}}}"#, Hop::Legacy, &none);
        let extension = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
        check(extension, Hop::Modern, &tasks(Hop::Modern));
        check(extension, Hop::Legacy, &none);
    }

    #[test]
    fn what_no_revision_knows_is_kept_as_it_is_but_for_tasks() {
        let declared = |experimental: Option<&'static str>, extensions: Option<&'static str>| {
            let extensions = Extensions {
                hop: Hop::Legacy,
                experimental: experimental.map(Bytes::from),
                extensions: extensions.map(Bytes::from),
            };
            Offers { extensions: Some(Arc::new(extensions)), ..Offers::default() }
        };
        let ui = r#"{"io.x/ui":{"mimeTypes":["a"]}}"#;
        check(&format!(r#"{{"extensions":{ui}}}"#), Hop::Legacy, &declared(None, Some(ui)));
        let both = r#"{"experimental":{"e":{}},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
        check(both, Hop::Legacy, &declared(Some(r#"{"e":{}}"#), None));
        check(r#"{"experimental":{},"extensions":7}"#, Hop::Legacy, &Offers::default());
    }

    #[test]
    fn what_declares_nothing_that_can_be_read_is_nothing() {
        for result in ["{}", r#"{"capabilities":7}"#, r#"{"capabilities":{"tools":7}}"#, "[]"] {
            assert!(Capabilities::in_result(&Bytes::from_static(result.as_bytes())).is_none());
        }
    }
}

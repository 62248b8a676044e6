//! This file reads what a client says it can do for a server while a call is under way.
//!
//! It leaves asking the client to the doors. What a client can do says nothing about who it is.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Members;

/// The extension by which servers make tasks of calls (MCP 2026-07-28, extension tasks).
pub const TASKS: &str = "io.modelcontextprotocol/tasks";
/// All that is carried between servers and clients: forms, addresses, models, folders, tasks.
pub(super) const CARRIED: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
/// Capabilities that a server may use during a call, and the place for extensions.
const PASSING: [&str; 4] = ["elicitation", "sampling", "roots", "extensions"];

/// What a client can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// To have a form filled in (`elicitation/create`).
    pub form: bool,
    /// To have an address visited (`elicitation/create` with mode `url`).
    pub url: bool,
    /// To have a model answer (`sampling/createMessage`).
    pub sampling: bool,
    /// The same with tools for the model.
    pub sampling_tools: bool,
    /// To name the folders that it works in (`roots/list`).
    pub roots: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Capabilities {
    elicitation: Option<Elicitation>,
    sampling: Option<Sampling>,
    roots: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Elicitation {
    form: Option<IgnoredAny>,
    url: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Sampling {
    tools: Option<IgnoredAny>,
}

impl Abilities {
    /// Whether all that `needed` says is among these.
    pub fn include(self, needed: Self) -> bool {
        (self.form || !needed.form)
            && (self.url || !needed.url)
            && (self.sampling || !needed.sampling)
            && (self.sampling_tools || !needed.sampling_tools)
            && (self.roots || !needed.roots)
    }

    /// What the raw capabilities of a client amount to; nothing if they cannot be read. Elicitation
    /// without a mode means forms (MCP 2025-11-25, client/elicitation, Capabilities).
    pub fn of(capabilities: &[u8]) -> Self {
        let Ok(found) = serde_json::from_slice::<Capabilities>(capabilities) else {
            return Self::default();
        };
        let url = found.elicitation.as_ref().is_some_and(|modes| modes.url.is_some());
        let form = found.elicitation.is_some_and(|modes| modes.form.is_some() || !url);
        Self {
            form,
            url,
            sampling_tools: found.sampling.as_ref().is_some_and(|it| it.tools.is_some()),
            sampling: found.sampling.is_some(),
            roots: found.roots.is_some(),
        }
    }

    /// Whether the client can be asked for anything at all.
    pub fn any(self) -> bool {
        self.form || self.url || self.sampling || self.roots
    }
}

/// As much of a client's raw capabilities as reaches a server through here.
pub(super) fn passing(capabilities: &Bytes) -> Bytes {
    const NOTHING: Bytes = Bytes::from_static(b"{}");
    if *capabilities == NOTHING {
        return NOTHING;
    }
    let Ok(mut members) = Members::read(capabilities) else { return NOTHING };
    members.0.retain(|member| PASSING.contains(&&*member.key));
    if members.get("extensions").is_some_and(|raw| Members::read(raw).is_err()) {
        members.take("extensions");
    }
    members.to_json()
}

/// Whether a client's raw capabilities say that it can do something about tasks that a server makes.
pub fn declares_tasks(capabilities: &Bytes) -> bool {
    let members = Members::read(capabilities).ok();
    let extensions = members.and_then(|mut members| members.take("extensions"));
    extensions
        .and_then(|extensions| Members::read(&extensions).ok())
        .is_some_and(|extensions| extensions.get(TASKS).is_some_and(|raw| raw.starts_with(b"{")))
}

/// A client's raw capabilities without that: clients with a handshake have tasks of another kind.
pub fn without_tasks(capabilities: &Bytes) -> Bytes {
    let Ok(mut members) = Members::read(capabilities) else { return capabilities.clone() };
    let Some(Ok(mut extensions)) = members.get("extensions").map(Members::read) else {
        return capabilities.clone();
    };
    if extensions.take(TASKS).is_none() {
        return capabilities.clone();
    }
    members.set("extensions", extensions.to_json());
    members.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(capabilities: &str, expected: &str) {
        let Abilities { form, url, sampling, sampling_tools, roots } =
            Abilities::of(capabilities.as_bytes());
        let names = [
            (form, "form"),
            (url, "url"),
            (sampling, "sampling"),
            (sampling_tools, "tools"),
            (roots, "roots"),
        ];
        let found: Vec<&str> = names.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        assert_eq!(found.join(" "), expected, "{capabilities}");
    }

    #[test]
    fn each_ability_is_read() {
        check("{}", "");
        check(r#"{"elicitation":{}}"#, "form");
        check(r#"{"elicitation":{"url":{}}}"#, "url");
        check(r#"{"elicitation":{"url":{},"form":{"x":1}}}"#, "form url");
        check(r#"{"sampling":{}}"#, "sampling");
        check(
            r#"{"sampling":{"tools":{},"context":{}},"roots":{"listChanged":true}}"#,
            "sampling tools roots",
        );
        check(r#"{"elicitation":null,"tasks":{}}"#, "");
    }

    #[test]
    fn what_cannot_be_read_is_no_ability() {
        check("[]", "");
        check(r#"{"elicitation":7}"#, "");
        check("not json", "");
    }

    #[track_caller]
    fn check_passing(capabilities: &'static str, expected: &str) {
        assert_eq!(passing(&Bytes::from_static(capabilities.as_bytes())), expected);
    }

    #[test]
    fn what_no_server_could_use_through_here_is_left_out() {
        check_passing("{}", "{}");
        check_passing(
            r#"{"elicitation":{"form":{}},"tasks":{}}"#,
            r#"{"elicitation":{"form":{}}}"#,
        );
        let extensions = r#"{"extensions":{"io.modelcontextprotocol/tasks":{},"x.y/ui":{"a":1}}}"#;
        check_passing(extensions, extensions);
        check_passing(r#"{"experimental":{},"extensions":7}"#, "{}");
        check_passing("[", "{}");
    }

    #[test]
    fn tasks_of_servers_are_for_those_who_declare_them() {
        let check = |capabilities: &'static str, declares, without: &str| {
            let capabilities = Bytes::from_static(capabilities.as_bytes());
            assert_eq!(declares_tasks(&capabilities), declares, "{capabilities:?}");
            assert_eq!(without_tasks(&capabilities), without);
        };
        check(
            r#"{"extensions":{"io.modelcontextprotocol/tasks":{},"x.y/ui":{}},"roots":{}}"#,
            true,
            r#"{"extensions":{"x.y/ui":{}},"roots":{}}"#,
        );
        check(r#"{"tasks":{},"extensions":{}}"#, false, r#"{"tasks":{},"extensions":{}}"#);
        check(r#"{"extensions":[]}"#, false, r#"{"extensions":[]}"#);
        check("7", false, "7");
    }
}

//! This file reads and writes results that ask for input (MCP 2026-07-28, basic/patterns/mrtr).
//!
//! Pure. It leaves asking to others.

use std::sync::Arc;

use bytes::Bytes;
use conductor_actors::wire::{Abilities, Members, Text, json_string};
use conductor_actors::{InquiryKind, shown_visit};

use super::presentation::{with_label, without_marks};

use crate::door::reply::wants_visit;

/// A result that asks for input, taken apart.
#[derive(Debug, Clone)]
pub(in crate::door) struct InputRequired {
    /// What is asked for, by the server's key.
    pub(in crate::door) requests: Vec<(Text, InquiryKind, Option<Bytes>)>,
    /// What the server wants back, raw.
    pub(in crate::door) state: Option<Bytes>,
    /// All other members of the result.
    rest: Members,
}

impl InputRequired {
    /// Reads a result; `None` if it asks for nothing.
    ///
    /// # Errors
    /// If it asks in a way that cannot be understood, with what is wrong.
    pub(in crate::door) fn read(result: &Bytes) -> Option<Result<Self, String>> {
        let mut rest = Members::read(result).ok()?;
        if rest.text("resultType").as_deref() != Some("input_required") {
            return None;
        }
        rest.take("resultType");
        let state = rest.take("requestState");
        let requests = match rest.take("inputRequests") {
            Some(requests) => read_requests(&requests),
            None => Ok(Vec::new()),
        };
        Some(requests.map(|requests| Self { requests, state, rest }))
    }

    /// What a client has to be able to do that `able` does not say, if there is such a thing: it must not
    /// be asked for that (MCP 2026-07-28, basic/patterns/mrtr).
    pub(in crate::door) fn beyond(&self, able: Abilities) -> Option<Abilities> {
        let mut needs = self.requests.iter().filter_map(|(_, kind, params)| {
            let params = params.as_ref().and_then(|params| Members::read(params).ok());
            kind.needs(params.as_ref())
        });
        needs.find(|needed| !able.include(*needed))
    }

    /// The same with the server named to people, where a client could not know it.
    pub(in crate::door) fn of_server(mut self, label: Option<&str>) -> Self {
        for (_, kind, params) in &mut self.requests {
            *params = params.as_ref().map(|params| with_label(*kind, params, label));
        }
        self
    }

    /// The same with `state` in place of the server's.
    pub(in crate::door) fn write(&self, state: Option<&str>) -> Vec<u8> {
        let requests = self.requests.iter();
        let requests = requests.map(|(key, kind, params)| (&**key, *kind, params.clone()));
        write(requests, state, &self.rest)
    }
}

fn read_requests(requests: &Bytes) -> Result<Vec<(Text, InquiryKind, Option<Bytes>)>, String> {
    let requests = Members::read(requests).map_err(|error| format!("inputRequests: {error}"))?;
    let read = |key: Text, value: &Bytes| {
        let request = Members::read(value).ok()?;
        let kind = InquiryKind::of(&request.text("method")?)?;
        Some((key, kind, request.get("params").cloned()))
    };
    let requests = requests.0.into_iter().map(|member| {
        let unknown = format!("inputRequests.{} is no request that a client knows", member.key);
        read(member.key, &member.value).ok_or(unknown)
    });
    requests.collect()
}

/// A result that asks for `requests`, each by a key of its own.
pub(in crate::door) fn write_input_required<K: AsRef<str>>(
    requests: impl Iterator<Item = (K, InquiryKind, Option<Bytes>)>,
    state: &str,
) -> Vec<u8> {
    write(requests, Some(state), &Members::default())
}

fn write<K: AsRef<str>>(
    requests: impl Iterator<Item = (K, InquiryKind, Option<Bytes>)>,
    state: Option<&str>,
    rest: &Members,
) -> Vec<u8> {
    let request = |(key, kind, params): (K, InquiryKind, Option<Bytes>)| {
        let method = ("method", json_string(kind.method()));
        let members = [method].into_iter().chain(params.map(|params| ("params", params)));
        (key, members.collect::<Members>().to_json())
    };
    let requests = requests.map(request).collect::<Members>().to_json();
    let head = [("resultType", json_string("input_required")), ("inputRequests", requests)];
    let state = state.map(|state| ("requestState", json_string(state)));
    let rest = rest.0.iter().map(|member| (&*member.key, member.value.clone()));
    let mut out = Vec::new();
    head.into_iter().chain(state).chain(rest).collect::<Members>().write(&mut out);
    out
}

/// The addresses that an error of an older server wants to be visited (MCP 2025-11-25,
/// client/elicitation, URL Elicitation Required Error), as requests.
pub(in crate::door) fn url_required(error: &Bytes) -> Option<Vec<Bytes>> {
    let wanted = visits(error)?.into_iter().map(|mut params| {
        params.text("url")?;
        without_marks(&mut params);
        params.set("mode", Bytes::from_static(b"\"url\""));
        Some(params.to_json())
    });
    let wanted: Option<Vec<Bytes>> = wanted.collect();
    wanted.filter(|wanted| !wanted.is_empty())
}

/// What the server calls the visits that such an error asks for.
pub(in crate::door) fn names_of_visits(error: &Bytes) -> Vec<Arc<str>> {
    let visits = visits(error).unwrap_or_default();
    visits.iter().filter_map(|visit| Some(visit.text("elicitationId")?.as_str().into())).collect()
}

/// The same error with names of these visits that no other server's are like.
pub(in crate::door) fn with_shown_visits(error: &Bytes, label: &str) -> Option<Bytes> {
    let wanted = visits(error).filter(|wanted| !wanted.is_empty())?;
    let mut shown = Vec::new();
    for mut visit in wanted {
        shown.push(if shown.is_empty() { b'[' } else { b',' });
        if let Some(own) = visit.text("elicitationId") {
            visit.set("elicitationId", json_string(&shown_visit(label, &own)));
        }
        visit.write(&mut shown);
    }
    shown.push(b']');
    let mut members = Members::read(error).ok()?;
    let mut data = Members::read(members.get("data")?).ok()?;
    data.set("elicitations", shown.into());
    members.set("data", data.to_json());
    Some(members.to_json())
}

fn visits(error: &Bytes) -> Option<Vec<Members>> {
    let data = Members::read(error).ok().filter(|_| wants_visit(error))?.take("data")?;
    let wanted = Members::read(&data).ok()?.take("elicitations")?;
    let wanted: Vec<Box<serde_json::value::RawValue>> = serde_json::from_slice(&wanted).ok()?;
    let read = |params: &serde_json::value::RawValue| {
        Members::read(&Bytes::copy_from_slice(params.get().as_bytes())).ok()
    };
    wanted.iter().map(|params| read(params)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &'static str) -> Option<Result<InputRequired, String>> {
        InputRequired::read(&Bytes::from_static(json.as_bytes()))
    }

    #[test]
    fn only_a_result_that_says_so_asks_for_input() {
        for other in [
            "7",
            r#"{"content":["input_required"]}"#,
            r#"{"resultType":"complete","x":"input_required"}"#,
            r#"{"a":{"resultType":"input_required"}}"#,
        ] {
            assert!(read(other).is_none(), "{other}");
        }
    }

    #[test]
    fn what_is_asked_survives_with_another_state() {
        let result = read(
            r#"{"resultType":"input_required","requestState":"s","x":1.0,"inputRequests":{"k":{"method":"roots/list"},"l":{"method":"sampling/createMessage","params":{"n":1.50}}}}"#,
        );
        let written = result.unwrap().unwrap().write(Some("t"));
        assert_eq!(
            String::from_utf8(written).unwrap(),
            r#"{"resultType":"input_required","inputRequests":{"k":{"method":"roots/list"},"l":{"method":"sampling/createMessage","params":{"n":1.50}}},"requestState":"t","x":1.0}"#,
        );
    }

    #[test]
    fn a_state_that_is_not_there_is_not_made_up() {
        let result = read(r#"{"resultType":"input_required","inputRequests":{}}"#);
        let written = result.unwrap().unwrap().write(None);
        assert_eq!(written, br#"{"resultType":"input_required","inputRequests":{}}"#);
    }

    #[test]
    fn requests_that_no_client_knows_are_named() {
        let result = read(
            r#"{"resultType":"input_required","inputRequests":{"k":{"method":"tools/call"}}}"#,
        );
        let error = result.unwrap().unwrap_err();
        assert_eq!(error, "inputRequests.k is no request that a client knows");
    }

    #[test]
    fn an_error_that_wants_addresses_visited_becomes_requests() {
        let error = r#"{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://a.example/","message":"m"}]}}"#;
        let wanted = url_required(&Bytes::from_static(error.as_bytes())).unwrap();
        assert_eq!(wanted, [r#"{"mode":"url","url":"https://a.example/","message":"m"}"#]);
        assert_eq!(names_of_visits(&Bytes::from_static(error.as_bytes())), ["e".into()]);
        for other in [
            r#"{"code":-32602,"message":"x","data":{"elicitations":[{"url":"u"}]}}"#,
            r#"{"code":-32042,"message":"x"}"#,
            r#"{"code":-32042,"message":"x","data":{"elicitations":[]}}"#,
            r#"{"code":-32042,"message":"x","data":{"elicitations":[{"message":"m"}]}}"#,
        ] {
            let other = Bytes::from_static(other.as_bytes());
            assert!(url_required(&other).is_none(), "{other:?}");
            assert!(names_of_visits(&other).is_empty(), "{other:?}");
        }
    }

    #[test]
    fn visits_of_an_error_are_called_like_no_other_servers() {
        let error = |id: &str| {
            Bytes::from(format!(
                r#"{{"code":-32042,"message":"m","data":{{"elicitations":[{{"elicitationId":"{id}","url":"u"}},{{"x":1.0}}],"y":[]}}}}"#
            ))
        };
        assert_eq!(with_shown_visits(&error("e"), "git"), Some(error("git:e")));
        for other in [r#"{"code":7}"#, r#"{"data":{"elicitations":[]}}"#, "7"] {
            assert_eq!(with_shown_visits(&Bytes::from(other), "git"), None, "{other}");
        }
    }
}

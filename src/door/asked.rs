//! This file takes the parameters of a request apart, once, as far as every door needs them.
//!
//! It leaves judging them to `classify` and acting on them to `service`.

use bytes::Bytes;
use conductor_actors::wire::{CallParams, Members, Meta, Request, Text, depth};

use super::reply::Refusal;

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// Something that one server is to do: run a tool, fill in a prompt, read a resource.
    Call(Box<CallParams>),
    /// Anything else.
    Other {
        /// The parameters without `_meta`.
        params: Members,
        /// `_meta`.
        meta: Box<Meta>,
    },
    /// Nothing that can be made out.
    Broken {
        /// As much of `_meta` as could be read, to know by which rules to refuse.
        meta: Box<Meta>,
        /// What is wrong.
        reason: String,
    },
}

/// Parameters are not nested deeper: what reads them behind this may end its process where it cannot
/// go on, and that process has other callers.
const LEVELS: usize = 512;

impl Asked {
    /// The same as [`Self::read`].
    ///
    /// # Errors
    /// If the parameters are nested too deep.
    pub(super) fn of(request: &Request) -> Result<Self, Refusal> {
        let deep = |params: &Bytes| params.len() > LEVELS && depth(params) > LEVELS;
        if request.params.as_ref().is_some_and(deep) {
            let reason = format!("params are nested more than {LEVELS} levels deep");
            return Err(Refusal::NotAMessage { reason });
        }
        Ok(Self::read(request))
    }

    /// Reads the parameters of `request`.
    pub(super) fn read(request: &Request) -> Self {
        if let Some(call) = CallParams::of(&request.method, request.params.as_ref()) {
            return match call {
                Ok(params) => Self::Call(Box::new(params)),
                Err(error) => Self::Broken { meta: salvage(request), reason: error.to_string() },
            };
        }
        match other(request) {
            Ok((params, meta)) => Self::Other { params, meta: Box::new(meta) },
            Err(reason) => Self::Broken { meta: salvage(request), reason },
        }
    }

    /// What the request says about itself.
    pub(super) fn meta(&self) -> &Meta {
        match self {
            Self::Call(params) => &params.meta,
            Self::Other { meta, .. } | Self::Broken { meta, .. } => meta,
        }
    }

    /// The value that the header `Mcp-Name` repeats, for the requests that have one.
    pub(super) fn name(&self) -> Option<Text> {
        let Self::Call(params) = self else { return None };
        params.kind.is_mirrored().then(|| params.name.clone())
    }
}

fn other(request: &Request) -> Result<(Members, Meta), String> {
    let Some(params) = &request.params else { return Ok(Default::default()) };
    let mut params = Members::read(params).map_err(|error| format!("params: {error}"))?;
    let meta = match params.take("_meta") {
        Some(meta) => Meta::read(&meta).map_err(|error| format!("params._meta: {error}"))?,
        None => Meta::default(),
    };
    Ok((params, meta))
}

fn salvage(request: &Request) -> Box<Meta> {
    let params = request.params.as_ref().and_then(|params| Members::read(params).ok());
    let meta = params.and_then(|mut params| params.take("_meta"));
    Box::new(meta.and_then(|meta| Meta::read(&meta).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use conductor_actors::wire::{Message, parse};

    use super::*;

    #[track_caller]
    fn check(method: &str, params: &str, expected: &str) {
        let json = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let Ok(Message::Request(request)) = parse(&json.into()) else { panic!("no request") };
        let asked = Asked::read(&request);
        let kind = match &asked {
            Asked::Call(_) => "call",
            Asked::Other { .. } => "other",
            Asked::Broken { .. } => "broken",
        };
        let name = asked.name().map_or("-".to_owned(), |name| name.to_string());
        let modern = asked.meta().protocol_version.is_some();
        assert_eq!(format!("{kind} {name} {modern}"), expected, "{method} {params}");
    }

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;

    #[test]
    fn each_kind_of_request_is_read() {
        check("tools/call", r#"{"name":"a.b"}"#, "call a.b false");
        check("tools/call", &format!(r#"{{"name":"a.b",{META}}}"#), "call a.b true");
        check("tools/list", &format!("{{{META}}}"), "other - true");
        check("tools/list", "null", "other - false");
        check("prompts/get", r#"{"name":"p"}"#, "call p false");
        check("resources/read", r#"{"uri":"u:/"}"#, "call u:/ false");
        check("tasks/get", r#"{"taskId":"t"}"#, "call t false");
        let reference = r#"{"ref":{"type":"ref/prompt","name":"p"}}"#;
        check("completion/complete", reference, "call - false");
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        let of = |levels: usize| {
            let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            let json = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"a":{deep}}}}}}}"#
            );
            let Ok(Message::Request(request)) = parse(&json.into()) else { panic!("no request") };
            Asked::of(&request).map(drop)
        };
        assert!(of(LEVELS - 2).is_ok());
        assert!(matches!(of(LEVELS - 1), Err(Refusal::NotAMessage { .. })));
        assert!(of(1_000_000).is_err());
    }

    #[test]
    fn a_broken_request_still_tells_its_era() {
        check("tools/call", &format!(r#"{{"name":7,{META}}}"#), "broken - true");
        check("tools/call", "[]", "broken - false");
        check("resources/read", &format!(r#"{{"name":"x",{META}}}"#), "broken - true");
        check("tools/list", r#"{"_meta":7}"#, "broken - false");
    }
}

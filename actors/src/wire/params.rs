//! This file takes the parameters of `tools/call` apart and writes them for the next hop.
//!
//! It leaves the arguments unread: they leave as the bytes they came in.

use bytes::Bytes;
use thiserror::Error;

use super::{Hop, Members, MembersError, Meta, Text, write_json_string};

/// Why the parameters of a call cannot be used.
#[derive(Debug, Error)]
pub enum ParamsError {
    /// Not an object, or a key given twice.
    #[error("params: {0}")]
    Shape(#[source] MembersError),
    /// No string `name`.
    #[error("params.name must be a string")]
    Name,
    /// `arguments` is there and neither an object nor `null`.
    #[error("params.arguments must be an object")]
    Arguments,
    /// `_meta` is there and not an object, or a key in it is given twice.
    #[error("params._meta: {0}")]
    Meta(#[source] MembersError),
}

/// The parameters of one `tools/call`.
#[derive(Debug, Clone)]
pub struct CallParams {
    /// The tool's name as the caller wrote it.
    pub name: Text,
    /// The hop-by-hop part and the rest of `_meta`.
    pub meta: Meta,
    /// Every other member, `arguments` among them, in order and raw.
    rest: Members,
}

impl CallParams {
    /// Reads raw parameters.
    pub fn read(params: Option<&Bytes>) -> Result<Self, ParamsError> {
        let mut rest = match params {
            Some(params) => Members::read(params).map_err(ParamsError::Shape)?,
            None => Members::default(),
        };
        let name = rest.text("name").ok_or(ParamsError::Name)?;
        rest.take("name");
        let meta = match rest.take("_meta") {
            Some(meta) => Meta::read(&meta).map_err(ParamsError::Meta)?,
            None => Meta::default(),
        };
        match rest.get("arguments").map(|raw| &raw[..]) {
            Some(b"null") => drop(rest.take("arguments")),
            Some([b'{', ..]) | None => {}
            Some(_) => return Err(ParamsError::Arguments),
        }
        Ok(Self { name, meta, rest })
    }

    /// The arguments, raw.
    pub fn arguments(&self) -> Option<&Bytes> {
        self.rest.get("arguments")
    }

    /// Appends the parameters for a server that knows the tool as `tool`. `token` names this call
    /// in progress notifications.
    pub fn write(&self, out: &mut Vec<u8>, tool: &str, hop: Hop, token: &str) {
        out.extend_from_slice(b"{\"name\":");
        write_json_string(out, tool);
        for member in &self.rest.0 {
            out.push(b',');
            write_json_string(out, &member.key);
            out.push(b':');
            out.extend_from_slice(&member.value);
        }
        let before = out.len();
        out.push(b',');
        self.meta.write(out, hop, token);
        if out.len() == before + 1 {
            out.truncate(before);
        }
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &'static str) -> Result<CallParams, ParamsError> {
        CallParams::read(Some(&Bytes::from_static(json.as_bytes())))
    }

    #[track_caller]
    fn check(json: &'static str, expected: &str) {
        let mut out = Vec::new();
        read(json).unwrap().write(&mut out, "bare", Hop::Legacy, "c-9");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn only_name_and_token_change() {
        check(
            r#"{"arguments":{"n":123456789012345678901234567890, "b" : 1.0},"name":"s.t","x":[1]}"#,
            r#"{"name":"bare","arguments":{"n":123456789012345678901234567890, "b" : 1.0},"x":[1]}"#,
        );
        check(
            r#"{"name":"s.t","_meta":{"progressToken":"p"}}"#,
            r#"{"name":"bare","_meta":{"progressToken":"c-9"}}"#,
        );
        check(r#"{"name":"s.t","arguments":null,"_meta":{}}"#, r#"{"name":"bare"}"#);
    }

    #[test]
    fn ambiguous_or_wrong_parameters_are_refused() {
        assert!(matches!(read(r#"{"name":"safe","name":"evil"}"#), Err(ParamsError::Shape(_))));
        assert!(matches!(read(r#"{"name":7}"#), Err(ParamsError::Name)));
        assert!(matches!(read(r#"{"arguments":{}}"#), Err(ParamsError::Name)));
        assert!(matches!(read(r#"{"name":"a","arguments":[]}"#), Err(ParamsError::Arguments)));
        assert!(matches!(read(r#"{"name":"a","_meta":[]}"#), Err(ParamsError::Meta(_))));
        assert!(matches!(CallParams::read(None), Err(ParamsError::Name)));
    }
}

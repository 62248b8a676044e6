//! This file gives resources and their templates the addresses they are shown under, and finds back.
//!
//! Pure. The server's name becomes the authority, so that relative references still lead somewhere
//! below it and nothing has to be kept to find the way back. What a client may fetch by itself
//! (`https`) keeps its address, and what has no authority is wrapped.

use std::borrow::Cow;

/// The scheme of addresses that hold another one whole.
const WRAPPER: &str = "mcpgw";
/// Longer addresses match no template.
const LONGEST: usize = 8 * 1024;

/// The address of what `server` calls `own`; a template is treated alike.
pub(crate) fn public<'a>(server: &str, own: &'a str) -> Cow<'a, str> {
    let Some((scheme, rest)) = split_scheme(own) else { return Cow::Owned(wrapped(server, own)) };
    if scheme.eq_ignore_ascii_case("https") {
        Cow::Borrowed(own)
    } else if scheme.eq_ignore_ascii_case("file") {
        match rest.starts_with('/') {
            true => Cow::Owned(format!("{scheme}://{server}{rest}")),
            false => Cow::Owned(wrapped(server, own)),
        }
    } else if scheme.eq_ignore_ascii_case(WRAPPER) {
        Cow::Owned(wrapped(server, own))
    } else {
        Cow::Owned(format!("{scheme}://{server}/{rest}"))
    }
}

/// An address that names its server and holds the server's own one as it is.
pub(super) fn wrapped(server: &str, own: &str) -> String {
    format!("{WRAPPER}://{server}/{own}")
}

/// The server that an address names, and what that calls it; `None` if it names none. Whether
/// there is such a server is not known here.
pub(super) fn owner(address: &str) -> Option<(&str, Cow<'_, str>)> {
    let (scheme, rest) = split_scheme(address)?;
    let slash = rest.find('/')?;
    let (server, path) = (&rest[..slash], &rest[slash + 1..]);
    let own = if scheme.eq_ignore_ascii_case("https") {
        return None;
    } else if scheme.eq_ignore_ascii_case("file") {
        Cow::Owned(format!("{scheme}://{}", &rest[slash..]))
    } else if scheme.eq_ignore_ascii_case(WRAPPER) {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(format!("{scheme}://{path}"))
    };
    Some((server, own))
}

/// Scheme and what follows `://`; the scheme of RFC 3986.
fn split_scheme(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let fits = scheme.bytes().next()?.is_ascii_alphabetic() && scheme.bytes().all(lawful);
    fits.then_some((scheme, rest))
}

/// A part of a template.
enum Part<'a> {
    Literal(&'a str),
    /// `{name}`: anything within one segment.
    Segment,
    /// An expression with an operator, or one that explodes: anything.
    Anything,
}

/// Whether `address` may have been made from `template` (RFC 6570). What a variable may hold is
/// taken generously: that is for the server to say.
pub(super) fn matches(template: &str, address: &str) -> bool {
    if address.len() > LONGEST {
        return false;
    }
    let bytes = address.as_bytes();
    let mut reached = vec![false; bytes.len() + 1];
    reached[0] = true;
    for part in parts(template) {
        let mut next = vec![false; bytes.len() + 1];
        match part {
            Part::Literal(text) => {
                let starts = reached.iter().enumerate().filter(|(_, reached)| **reached);
                for (at, _) in starts {
                    if bytes[at..].starts_with(text.as_bytes()) {
                        next[at + text.len()] = true;
                    }
                }
            }
            Part::Segment | Part::Anything => {
                let mut open = false;
                for at in 0..=bytes.len() {
                    open |= reached[at];
                    next[at] = open;
                    let ends = matches!(bytes.get(at), Some(b'/' | b'?' | b'#'));
                    open &= !(ends && matches!(part, Part::Segment));
                }
            }
        }
        reached = next;
    }
    reached[bytes.len()]
}

fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once('{') {
        let Some((expression, tail)) = tail.split_once('}') else { break };
        parts.push(Part::Literal(literal));
        let plain = expression.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        parts.push(if plain { Part::Segment } else { Part::Anything });
        rest = tail;
    }
    parts.push(Part::Literal(rest));
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(own: &str, shown: &str) {
        assert_eq!(public("git", own), shown);
        if shown != own {
            let (server, back) = owner(shown).unwrap();
            assert_eq!((server, &*back), ("git", own));
        }
    }

    #[test]
    fn a_server_becomes_the_authority() {
        check("db://main/users?x=1#y", "db://git/main/users?x=1#y");
        check("ui://app/index.html", "ui://git/app/index.html");
        check("note:///a", "note://git//a");
        check("note://", "note://git/");
        check("file:///etc/hosts", "file://git/etc/hosts");
        check("http://localhost:3000/a", "http://git/localhost:3000/a");
    }

    #[test]
    fn what_a_client_may_fetch_keeps_its_address() {
        check("https://example.org/a", "https://example.org/a");
        check("HTTPS://example.org", "HTTPS://example.org");
        assert_eq!(owner("https://git/a"), None);
    }

    #[test]
    fn what_has_no_authority_is_wrapped() {
        check("urn:isbn:1", "mcpgw://git/urn:isbn:1");
        check("just text", "mcpgw://git/just text");
        check("file://host/share", "mcpgw://git/file://host/share");
        check("mcpgw://other/urn:a", "mcpgw://git/mcpgw://other/urn:a");
    }

    #[test]
    fn templates_are_treated_alike() {
        check("db://{table}/{id}", "db://git/{table}/{id}");
        check("file:///{+path}", "file://git/{+path}");
        check("file://{+path}", "mcpgw://git/file://{+path}");
        check("{+uri}", "mcpgw://git/{+uri}");
        check("urn:{x}", "mcpgw://git/urn:{x}");
    }

    #[test]
    fn an_address_without_a_server_names_none() {
        for address in ["db://git", "urn:x", "", "://git/x", "1a://git/x", "text"] {
            assert_eq!(owner(address), None, "{address}");
        }
    }

    #[test]
    fn an_address_is_recognised_by_its_template() {
        for (template, address, expected) in [
            ("https://a/{b}/c", "https://a/x/c", true),
            ("https://a/{b}/c", "https://a/x/y/c", false),
            ("https://a/{+b}", "https://a/x/y?z", true),
            ("https://a{/b*}{?q}", "https://a/x/y?q=1", true),
            ("https://a/{b}{c}", "https://a/", true),
            ("https://a/{b}", "https://b/x", false),
            ("https://a", "https://a", true),
            ("https://a/{open", "https://a/{open", true),
            ("", "", true),
        ] {
            assert_eq!(matches(template, address), expected, "{template} {address}");
        }
        assert!(!matches("{+a}", &"x".repeat(LONGEST + 1)));
    }

    proptest! {
        #[test]
        fn every_address_finds_its_way_back(
            own in "([a-zA-Z][a-z+.]{0,6}:)?/{0,3}[ -~é]{0,20}",
            server in "[a-z][a-z0-9_-]{0,10}",
        ) {
            let shown = public(&server, &own);
            match owner(&shown) {
                Some((named, back)) => prop_assert_eq!((named, &*back), (&*server, &*own)),
                None => prop_assert!(own.get(..8).is_some_and(|it| it.eq_ignore_ascii_case("https://"))),
            }
        }
    }
}

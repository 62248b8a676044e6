//! This file holds the address of a remote server and says which addresses belong to the same one.
//!
//! Pure. It leaves asking there to `client`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use thiserror::Error;

/// Why a text is no address that may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum TargetError {
    /// Not a URL at all.
    #[error("`{0}` is not an address")]
    Unreadable(String),
    /// Another server: nothing that was meant for the first one may go there.
    #[error("{0} is another server")]
    Elsewhere(String),
}

/// The address of a server's endpoint: `http` or `https`, with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    uri: Uri,
    login: Option<String>,
}

impl Target {
    /// Reads a URL; a name and password in it are taken out.
    pub(super) fn read(url: &str) -> Result<Self, TargetError> {
        let url = url.split('#').next().unwrap_or_default();
        let unreadable = || TargetError::Unreadable(shown(url));
        let mut parts = url.parse::<Uri>().map_err(|_| unreadable())?.into_parts();
        let authority = parts.authority.take().ok_or_else(unreadable)?;
        let (login, host) = match authority.as_str().rsplit_once('@') {
            Some((login, host)) => (Some(login.to_owned()), host),
            None => (None, authority.as_str()),
        };
        parts.authority = Some(host.parse::<Authority>().map_err(|_| unreadable())?);
        let path = parts.path_and_query.take();
        parts.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
        let uri = Uri::from_parts(parts).map_err(|_| unreadable())?;
        let known = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
        if !known || uri.host().is_none_or(str::is_empty) {
            return Err(unreadable());
        }
        Ok(Self { uri, login })
    }

    /// Where requests go.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether bytes travel encrypted.
    pub(super) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// The `Authorization` header that stands for a name and password in the URL.
    pub(super) fn basic_authorization(&self) -> Option<String> {
        let login = unescaped(self.login.as_ref()?);
        Some(format!("Basic {}", STANDARD.encode(login)))
    }

    /// The address that `reference`, found at `base`, stands for, as long as it is on the same
    /// server: same scheme, host and port.
    pub(super) fn join(&self, base: &Uri, reference: &str) -> Result<Uri, TargetError> {
        let reference = reference.trim().split('#').next().unwrap_or_default();
        let origin = origin(base);
        let whole = if reference.contains("://") {
            reference.to_owned()
        } else if reference.starts_with("//") {
            format!("{}:{reference}", base.scheme_str().unwrap_or_default())
        } else if reference.starts_with('/') {
            format!("{origin}{reference}")
        } else if reference.starts_with('?') {
            format!("{origin}{}{reference}", base.path())
        } else {
            let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{origin}{folder}/{reference}")
        };
        let found = Self::read(&whole)?;
        if found.login.is_some() || self::origin(&found.uri) != self::origin(&self.uri) {
            return Err(TargetError::Elsewhere(self::origin(&found.uri)));
        }
        Ok(found.uri)
    }
}

/// Scheme, host and port, written in one way only.
fn origin(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    match uri.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

/// A text from elsewhere, fit for a message: no secrets of a query, no controls, not long.
fn shown(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    let host = url.rsplit_once('@').map_or(url, |(_, host)| host);
    host.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// `%xx` undone.
fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let coded = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn joined(base: &str, reference: &str, expected: Result<&str, &str>) {
        let target = Target::read(base).unwrap();
        let found = target.join(target.uri(), reference);
        let found = found.map(|uri| uri.to_string()).map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{base} + {reference}");
    }

    #[test]
    fn references_are_joined_like_a_browser_does() {
        let base = "https://Host.example:443/a/mcp?x=1";
        joined(base, "https://host.example/b", Ok("https://host.example/b"));
        joined(base, "//host.example/b", Ok("https://host.example/b"));
        joined(base, "/b?c=/d#e", Ok("https://host.example/b?c=/d"));
        joined(base, "messages?id=1", Ok("https://host.example/a/messages?id=1"));
        joined(base, "?id=1", Ok("https://host.example/a/mcp?id=1"));
    }

    #[test]
    fn another_server_is_never_joined() {
        let base = "https://host.example/mcp";
        for (reference, origin) in [
            ("http://host.example/mcp", "http://host.example"),
            ("https://host.example:8443/", "https://host.example:8443"),
            ("//evil.example/mcp", "https://evil.example"),
            ("https://host.example.evil.example/", "https://host.example.evil.example"),
            ("https://host.example@evil.example/", "https://evil.example"),
            ("https://me@host.example/", "https://host.example"),
        ] {
            joined(base, reference, Err(&format!("{origin} is another server")));
        }
        joined(base, "ftp://host.example/", Err("`ftp://host.example/` is not an address"));
        joined(base, "http://\u{7}?key=s3cret", Err("`http://` is not an address"));
    }

    #[test]
    fn a_login_in_the_address_becomes_a_header() {
        let target = Target::read("http://me:p%40ss@h.example").unwrap();
        assert_eq!(target.uri().to_string(), "http://h.example/");
        assert_eq!(target.basic_authorization().unwrap(), "Basic bWU6cEBzcw==");
        assert_eq!(Target::read("http://h.example").unwrap().basic_authorization(), None);
    }
}

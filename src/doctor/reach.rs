//! This file tries whether there is a way to a remote server: its name, and a connection.
//!
//! It says nothing there, and does not judge what it finds.

use std::time::Duration;

use http::Uri;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// How long a name and a connection may take together.
const LIMIT: Duration = Duration::from_secs(3);

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Somebody takes connections there.
    Yes,
    /// The URL cannot be read.
    BadUrl,
    /// The name is nobody's.
    NoName(String),
    /// Nobody takes connections there.
    Refused(String),
    /// Nothing was heard in time.
    Silent(Duration),
}

/// Tries to reach the host of `url`; takes three seconds at most.
pub(crate) async fn reach(url: &str) -> Reached {
    let Some((host, port)) = place(url) else { return Reached::BadUrl };
    timeout(LIMIT, connect(&host, port)).await.unwrap_or(Reached::Silent(LIMIT))
}

fn place(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let default = match uri.scheme_str()? {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), uri.port_u16().unwrap_or(default)))
}

async fn connect(host: &str, port: u16) -> Reached {
    let addresses: Vec<_> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Reached::NoName(error.to_string()),
    };
    let mut refusal = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(_) => return Reached::Yes,
            Err(error) => refusal = format!("{address}: {error}"),
        }
    }
    Reached::Refused(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_url_is_its_host_and_port() {
        let place = |url| place(url).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(place("https://a.example/mcp").as_deref(), Some("a.example 443"));
        assert_eq!(place("http://me:pw@a.example:81/x?y").as_deref(), Some("a.example 81"));
        assert_eq!(place("http://[::1]:9/").as_deref(), Some("::1 9"));
        assert_eq!(place("ftp://a.example/"), None);
        assert_eq!(place("a.example"), None);
    }

    #[tokio::test]
    async fn a_listener_is_reached_and_nobody_is_not() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        assert_eq!(reach(&url).await, Reached::Yes);
        drop(listener);
        assert!(matches!(reach(&url).await, Reached::Refused(_)));
    }
}

//! This file looks the names of remote servers up, and keeps those addresses that a server may have.
//!
//! The addresses are looked at right before a connection is made to them, so that a name that comes
//! to stand for another one gains nothing. It leaves connecting to `connector`.

use std::future::ready;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use conductor_config::{Reach, is_public};
use http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use thiserror::Error;
use tower_service::Service;

/// Why no connection is made to a host.
#[derive(Debug, Error)]
pub(super) enum NameError {
    /// It could not be looked up.
    #[error("its name cannot be looked up: {0}")]
    Lookup(#[source] std::io::Error),
    /// Every address it has is inside.
    #[error("it leads to {0}, which is inside; `api.privateHosts` may allow its host")]
    Inside(IpAddr),
    /// It has none.
    #[error("its name stands for no address")]
    Nowhere,
}

/// Looks names up for one server. Cheap to clone.
#[derive(Clone)]
pub(super) struct Names {
    system: GaiResolver,
    reach: Reach,
}

impl Names {
    /// For a server that may be within `reach`.
    pub(super) fn new(reach: Reach) -> Self {
        Self { system: GaiResolver::new(), reach }
    }

    /// Whether a host that needs no look-up may be connected to.
    pub(super) fn admits(&self, uri: &Uri) -> Result<(), NameError> {
        let host = uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => admitted([SocketAddr::new(address, 0)], self.reach).map(drop),
            Err(_) => Ok(()),
        }
    }
}

impl Service<Name> for Names {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = NameError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NameError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NameError>> {
        self.system.poll_ready(context).map_err(NameError::Lookup)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (looked_up, reach) = (self.system.call(name), self.reach);
        Box::pin(async move {
            let found = looked_up.await.map_err(NameError::Lookup)?;
            ready(admitted(found, reach)).await.map(Vec::into_iter)
        })
    }
}

/// Those of the addresses that may be connected to.
fn admitted(
    found: impl IntoIterator<Item = SocketAddr>,
    reach: Reach,
) -> Result<Vec<SocketAddr>, NameError> {
    let (mut admitted, mut inside) = (Vec::new(), None);
    for address in found {
        match reach {
            Reach::Public if !is_public(address.ip()) => inside = Some(address.ip()),
            Reach::Public | Reach::Anywhere => admitted.push(address),
        }
    }
    match (admitted.is_empty(), inside) {
        (false, _) => Ok(admitted),
        (true, Some(address)) => Err(NameError::Inside(address)),
        (true, None) => Err(NameError::Nowhere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s25_addresses_inside_are_left_out_and_told_if_there_is_no_other() {
        let check = |found: &[&str], reach, expected: &str| {
            let found = found.iter().map(|address| address.parse().unwrap());
            let told = match admitted(found, reach) {
                Ok(left) => format!("{left:?}"),
                Err(error) => error.to_string(),
            };
            assert!(told.contains(expected), "{told}");
        };
        check(&["127.0.0.1:80", "8.8.8.8:80"], Reach::Public, "[8.8.8.8:80]");
        check(&["127.0.0.1:80"], Reach::Anywhere, "[127.0.0.1:80]");
        check(&["[::1]:80"], Reach::Public, "it leads to ::1, which is inside");
        check(&["169.254.169.254:80"], Reach::Public, "leads to 169.254.169.254");
        check(&[], Reach::Public, "stands for no address");
    }

    #[test]
    fn s25_an_address_that_needs_no_look_up_is_looked_at_too() {
        let names = Names::new(Reach::Public);
        for (uri, expected) in [
            ("http://127.0.0.1:1/", false),
            ("http://[::ffff:10.0.0.1]/", false),
            ("http://8.8.8.8/", true),
            ("http://tools.example/", true),
        ] {
            assert_eq!(names.admits(&Uri::from_static(uri)).is_ok(), expected, "{uri}");
        }
        assert!(Names::new(Reach::Anywhere).admits(&Uri::from_static("http://[::1]/")).is_ok());
    }

    #[tokio::test]
    async fn s25_a_name_is_looked_at_when_it_is_looked_up() {
        let name = || "localhost".parse::<Name>().unwrap();
        let error = Names::new(Reach::Public).call(name()).await.unwrap_err();
        assert!(matches!(error, NameError::Inside(address) if address.is_loopback()), "{error}");
        assert!(Names::new(Reach::Anywhere).call(name()).await.unwrap().next().is_some());
    }
}

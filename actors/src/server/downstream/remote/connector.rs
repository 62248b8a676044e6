//! This file makes connections to remote servers: TCP, TLS, and a limit to the time both take.
//!
//! It leaves what is said over them to `client`.

use std::error::Error;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use conductor_config::Reach;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::time::timeout;
use tower_service::Service;

use super::names::Names;

/// Longest time from the first look-up of the name to the end of the TLS handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be silent before the system asks whether the other end is there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Whose word is taken for who a server is.
#[derive(Debug, Clone)]
pub(super) enum Trust {
    /// The certificates that this system trusts, or those that `SSL_CERT_FILE` names.
    System,
    /// These certificates only.
    #[cfg(test)]
    Only(Vec<rustls::pki_types::CertificateDer<'static>>),
}

/// Why no encrypted connection can be made to anybody.
#[derive(Debug, Error)]
pub(super) enum TrustError {
    /// There is not one certificate to start from.
    #[error("no trusted certificates were found on this system; name a file in SSL_CERT_FILE")]
    Nobody,
    /// The TLS library cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Library(#[source] rustls::Error),
}

type Made = <HttpsConnector<HttpConnector<Names>> as Service<Uri>>::Response;
type Failure = Box<dyn Error + Send + Sync>;

/// Connects within a limit of time, to addresses that the server may have.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector<Names>>,
    names: Names,
}

impl Connector {
    /// A connector for a server within `reach`; certificates are read from disk only if they are
    /// `needed`.
    pub(super) async fn new(trust: Trust, needed: bool, reach: Reach) -> Result<Self, TrustError> {
        let roots = if needed { roots(trust).await? } else { RootCertStore::empty() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TrustError::Library)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let names = Names::new(reach);
        let mut tcp = HttpConnector::new_with_resolver(names.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        Ok(Self { https: connector.enable_http1().wrap_connector(tcp), names })
    }
}

async fn roots(trust: Trust) -> Result<RootCertStore, TrustError> {
    let found = match trust {
        Trust::System => {
            let read = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
            read.map(|read| read.certs).unwrap_or_default()
        }
        #[cfg(test)]
        Trust::Only(certificates) => certificates,
    };
    let mut roots = RootCertStore::empty();
    match roots.add_parsable_certificates(found) {
        (0, _) => Err(TrustError::Nobody),
        _ => Ok(roots),
    }
}

impl Service<Uri> for Connector {
    type Response = Made;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Made, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if let Err(error) = self.names.admits(&uri) {
            return Box::pin(ready(Err(Failure::from(error))));
        }
        let connecting = self.https.call(uri);
        Box::pin(async move {
            match timeout(PATIENCE, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(Failure::from(format!("no connection within {PATIENCE:?}"))),
            }
        })
    }
}

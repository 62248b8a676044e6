//! Encrypted connections, with an authority made for the test.
//! Which certificates a system trusts is its own business.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use conductor_config::ProtocolMode;

use super::Trust;
use super::client::Client;
use super::tests_server::{Reply, modern, open_as, serve, spec};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn trust(&self) -> Trust {
        Trust::Only(vec![CertificateDer::from(self.0.der().to_vec())])
    }

    /// A server whose certificate is for `name` and lasts until this year; its URL.
    async fn serve(&self, name: &str, until: i32) -> (String, AbortOnDropHandle<()>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/mcp", listener.local_addr().unwrap().port());
        let (tell, _) = mpsc::channel(1);
        let handler = Arc::new(modern(|seen| Reply::json(seen.result("1"))));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(serve(stream, handler.clone(), tell.clone()));
                }
            }
        });
        (url, AbortOnDropHandle::new(task))
    }
}

async fn check(serving: (&Authority, &str, i32), trust: Trust, expected: &str) {
    let (authority, name, until) = serving;
    let (url, _server) = authority.serve(name, until).await;
    let found = match open_as(&spec(&url, &[]), ProtocolMode::Auto, trust).await {
        Ok(guest) => guest.call(r#"{"name":"x"}"#).await,
        Err(cause) => cause.to_string(),
    };
    assert!(found.starts_with(expected), "{found}");
}

#[tokio::test]
async fn only_a_server_with_a_good_certificate_is_spoken_to() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let bad = |why: &str| format!("could not be reached: invalid peer certificate: {why}");
    check((&ours, "localhost", 2100), ours.trust(), "1").await;
    check((&ours, "localhost", 2100), other.trust(), &bad("UnknownIssuer")).await;
    check((&ours, "localhost", 2001), ours.trust(), &bad("certificate expired")).await;
    check((&ours, "other.example", 2100), ours.trust(), &bad("certificate not valid for name"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_made_in_ten_seconds_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/mcp", silent.local_addr().unwrap());
    let begun = tokio::time::Instant::now();
    let parts = spec(&url, &[]);
    let client = Client::new(&parts, Authority::new("ours").trust()).await.unwrap();
    let uri = client.target().uri().clone();
    let sent = client.send(&Method::GET, &uri, &HeaderMap::new(), &Bytes::new()).await;
    assert_eq!(sent.unwrap_err().to_string(), "no connection within 10s");
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn without_any_trusted_certificate_nobody_is_spoken_to() {
    let (url, _server) = Authority::new("ours").serve("localhost", 2100).await;
    let found = open_as(&spec(&url, &[]), ProtocolMode::Auto, Trust::Only(Vec::new())).await;
    let cause = found.err().unwrap();
    assert_eq!(cause.code(), "spawn_failed");
    assert!(cause.to_string().contains("SSL_CERT_FILE"), "{cause}");
}

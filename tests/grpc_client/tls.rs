//! TLS: what breaks during the handshake was not sent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use orch_testkit::{SocketProvider, SocketStep};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::rows::row;
use crate::world::{ATTEMPT, charge, charged};

/// An authority, and the certificates that it gives out.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn server(&self, clients: bool) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["gateway.example".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    /// A certificate for a client, which ended in that year.
    fn client(&self, last_year: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity::from_pem(certificate.pem(), key.serialize_pem())
    }

    /// What trusts it, and nothing else.
    fn trusted(&self) -> ClientTlsConfig {
        let root = Certificate::from_pem(self.0.pem());
        tls().ca_certificate(root)
    }
}

fn tls() -> ClientTlsConfig {
    ClientTlsConfig::new().domain_name("gateway.example").timeout(Duration::from_secs(2))
}

fn ours(server: SocketAddr, tls: ClientTlsConfig) -> Endpoint {
    let endpoint = orch::grpc::endpoint(format!("https://{server}"), ATTEMPT).unwrap();
    endpoint.tls_config(tls).unwrap()
}

async fn provider(script: impl IntoIterator<Item = SocketStep>) -> Arc<SocketProvider> {
    Arc::new(SocketProvider::start(script).await)
}

/// The provider behind TLS.
async fn behind_tls(provider: &Arc<SocketProvider>, config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let provider = Arc::clone(provider);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, provider) = (acceptor.clone(), Arc::clone(&provider));
            tokio::spawn(async move {
                if let Ok(tls) = acceptor.accept(socket).await {
                    provider.serve(tls).await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn an_answer_that_arrives_whole() {
    let (authority, provider) = (Authority::new(), provider([charged().into()]).await);
    let server = behind_tls(&provider, authority.server(false)).await;
    let result = charge(&ours(server, authority.trusted())).await;
    row("TLS: nothing", &provider, &result).await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted() {
    let (authority, provider) = (Authority::new(), provider([]).await);
    let server = behind_tls(&provider, authority.server(false)).await;
    let unknown = charge(&ours(server, Authority::new().trusted())).await;
    row("TLS: the server's certificate is not trusted", &provider, &unknown).await;
    let other = authority.trusted().domain_name("other.example");
    let other = charge(&ours(server, other)).await;
    row("TLS: the server's certificate is for another name", &provider, &other).await;
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_or_no_http2() {
    let (authority, provider) = (Authority::new(), provider([]).await);
    let kind = "TLS: the server speaks none, or no HTTP/2, or hangs up during the handshake";
    let plain = SocketProvider::start([SocketStep::HangUpUnread]).await;
    for _ in 0..2 {
        let result = charge(&ours(plain.address(), authority.trusted())).await;
        row(kind, &provider, &result).await;
    }
    let mut config = authority.server(false);
    config.alpn_protocols = Vec::new();
    let server = behind_tls(&provider, config).await;
    row(kind, &provider, &charge(&ours(server, authority.trusted())).await).await;
}

#[tokio::test]
async fn a_handshake_that_is_not_answered() {
    let (authority, provider) = (Authority::new(), provider([]).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let limited = authority.trusted().timeout(Duration::from_millis(200));
    let result = charge(&ours(silent, limited)).await;
    row("TLS: the handshake takes longer than ClientTlsConfig::timeout", &provider, &result).await;

    // Neither `timeout` nor `connect_timeout` counts during the handshake.
    let root = Certificate::from_pem(authority.0.pem());
    let without = ClientTlsConfig::new().domain_name("gateway.example").ca_certificate(root);
    let soon = Duration::from_millis(100);
    let endpoint = ours(silent, without).timeout(soon).connect_timeout(soon);
    let waited = tokio::time::timeout(Duration::from_secs(1), charge(&endpoint)).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test]
async fn a_client_certificate_that_has_expired() {
    let (authority, provider) = (Authority::new(), provider([]).await);
    let server = behind_tls(&provider, authority.server(true)).await;
    let kind = "TLS 1.3: the client's certificate is refused";
    let expired = authority.trusted().identity(authority.client(2001));
    row(kind, &provider, &charge(&ours(server, expired)).await).await;
    row(kind, &provider, &charge(&ours(server, authority.trusted())).await).await;
}

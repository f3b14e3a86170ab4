//! TLS: what breaks during the handshake was not sent; what breaks after it may have been.

use std::net::SocketAddr;
use std::sync::Arc;

use orch_testkit::{SocketProvider, SocketStep};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use reqwest::{Certificate, ClientBuilder, Identity};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion, crypto::aws_lc_rs,
};

use crate::rows::row;
use crate::world::{Resolver, acted, charge, ours};

/// An authority, and the certificates that it gives out.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: bool,
    ) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["gateway.example".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let config = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.unwrap())
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        config.with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }

    /// A certificate for a client, which ended in that year.
    fn client(&self, last_year: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        Identity::from_pem(pem.as_bytes()).unwrap()
    }

    /// A client that trusts it, for `https://gateway.example`.
    fn trusted(&self, server: SocketAddr) -> ClientBuilder {
        let root = Certificate::from_der(self.0.der()).unwrap();
        resolved(server).tls_certs_only([root])
    }
}

fn resolved(server: SocketAddr) -> ClientBuilder {
    ours().dns_resolver(Resolver::Finds(vec![server]))
}

fn url(server: SocketAddr) -> String {
    format!("https://gateway.example:{}/charges", server.port())
}

/// The provider behind TLS. Where it closes a connection, it does so without the `close_notify` of TLS.
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
                    provider.serve(Rude(tls)).await;
                }
            });
        }
    });
    address
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

async fn provider(script: impl IntoIterator<Item = SocketStep>) -> Arc<SocketProvider> {
    Arc::new(SocketProvider::start(script).await)
}

#[tokio::test]
async fn an_answer_that_arrives_whole() {
    let (authority, provider) = (Authority::new(), provider([]).await);
    let server = behind_tls(&provider, authority.server(BOTH, false)).await;
    row("TLS: nothing", &provider, charge(authority.trusted(server), &url(server)).await).await;
}

#[tokio::test]
async fn http2_is_agreed_upon_in_the_handshake() {
    let (authority, provider) = (Authority::new(), provider([SocketStep::RefuseStream]).await);
    let mut config = authority.server(BOTH, false);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let server = behind_tls(&provider, config).await;
    let result = charge(authority.trusted(server), &url(server)).await;
    assert_eq!(provider.arrivals()[0].version, http::Version::HTTP_2);
    row("HTTP/2: REFUSED_STREAM", &provider, result).await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted() {
    let (authority, provider) = (Authority::new(), provider([]).await);
    let server = behind_tls(&provider, authority.server(BOTH, false)).await;
    let unknown = charge(resolved(server), &url(server)).await;
    row("TLS: the server's certificate is not trusted", &provider, unknown).await;
    let named = authority.trusted(server);
    let other_name = format!("https://other.example:{}/", server.port());
    let other = charge(named, &other_name).await;
    row("TLS: the server's certificate is for another name", &provider, other).await;
}

#[tokio::test]
async fn a_server_that_speaks_no_tls() {
    let provider = SocketProvider::start([]).await;
    // The first connection is closed in the handshake, to the second the answer is no TLS.
    let server = SocketProvider::start([SocketStep::HangUpUnread]).await;
    for _ in 0..2 {
        let result = charge(resolved(server.address()), &url(server.address())).await;
        row("TLS: the server speaks none, or hangs up during the handshake", &provider, result)
            .await;
    }
}

#[tokio::test]
async fn a_handshake_that_is_not_answered() {
    let provider = SocketProvider::start([]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let result = charge(resolved(silent), &url(silent)).await;
    row("TLS: the handshake is not answered", &provider, result).await;
}

#[tokio::test]
async fn a_client_certificate_that_has_expired() {
    for (versions, kind) in [
        (&[&TLS12][..], "TLS 1.2: the client's certificate is refused"),
        (&[&TLS13][..], "TLS 1.3: the client's certificate is refused"),
    ] {
        let (authority, provider) = (Authority::new(), provider([]).await);
        let server = behind_tls(&provider, authority.server(versions, true)).await;
        let expired = authority.trusted(server).identity(authority.client(2001));
        row(kind, &provider, charge(expired, &url(server)).await).await;
        row(kind, &provider, charge(authority.trusted(server), &url(server)).await).await;
        let valid = authority.trusted(server).identity(authority.client(4000));
        charge(valid, &url(server)).await.unwrap();
    }
}

/// TLS notices what HTTP/1 cannot: that the connection was cut before its end.
#[tokio::test]
async fn a_body_without_a_length() {
    let body = r#"{"receipt":1}"#;
    let script = [acted(200).body(body).without_length().into()];
    let (authority, provider) = (Authority::new(), provider(script).await);
    let server = behind_tls(&provider, authority.server(BOTH, false)).await;
    let result = charge(authority.trusted(server), &url(server)).await;
    row("TLS: the body has no length, and TLS is not closed", &provider, result).await;
}

/// A connection that ends without `close_notify`.
struct Rude<IO>(IO);

mod rude {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;

    use super::{AsyncRead, AsyncWrite, Rude};

    impl<IO: AsyncRead + Unpin> AsyncRead for Rude<IO> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl<IO: AsyncWrite + Unpin> AsyncWrite for Rude<IO> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }
    }
}

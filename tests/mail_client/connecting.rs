//! Before there is a conversation.

use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::{Error, response::Response};
use lettre::{AsyncTransport, Tokio1Executor};
use orch::Ending;
use orch::mail::{CANNOT_BE_SENT, ending_of_lettre};
use tokio::net::TcpListener;

use crate::rows::row;
use crate::server::SmtpServer;
use crate::world::{ATTEMPT, ID, Transport, mail, ours, send};

#[tokio::test]
async fn a_refused_connection() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    row("the connection is refused", (0, 0), &send(ours(closed)).await);
}

#[tokio::test]
async fn a_name_that_is_not_known() {
    let builder = Transport::builder_dangerous("mail.invalid");
    let result = send(orch::mail::transport(builder, ATTEMPT)).await;
    row("the name of the server is not known", (0, 0), &result);
}

/// A listener whose queue is full does not answer.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_is_silent() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let silent = listener.local_addr().unwrap();
    let _first = tokio::net::TcpStream::connect(silent).await.unwrap();
    let result = tokio::time::timeout(ATTEMPT, send(ours(silent))).await.unwrap();
    row("connecting takes longer than timeout", (0, 0), &result);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls() {
    let server = SmtpServer::start([]).await;
    let wrapped = ours(server.address()).tls(Tls::Wrapper(tls()));
    row("TLS: the server speaks none", server.seen(), &send(wrapped).await);
}

#[tokio::test]
async fn a_server_without_starttls() {
    let server = SmtpServer::start([]).await;
    let result = send(ours(server.address()).tls(Tls::Required(tls()))).await;
    row("the server has no STARTTLS", server.seen(), &result);
    assert_eq!(ending(&result), Ending::fail(CANNOT_BE_SENT, false));
}

#[tokio::test]
async fn an_address_that_the_server_cannot_read() {
    let server = SmtpServer::start([]).await;
    let transport = ours(server.address()).build::<Tokio1Executor>();
    let result = transport.send(mail(ID, &["jürgen@home.example"])).await;
    row("an address is not ASCII, and the server has no SMTPUTF8", server.seen(), &result);
}

#[tokio::test]
async fn a_transport_that_was_shut_down() {
    let server = SmtpServer::start([]).await;
    let transport = ours(server.address()).build::<Tokio1Executor>();
    transport.shutdown().await;
    let result = transport.send(mail(ID, &["ann@home.example"])).await;
    row("the transport was shut down", server.seen(), &result);
}

fn tls() -> TlsParameters {
    TlsParameters::new_rustls("mail.example".to_owned()).unwrap()
}

fn ending(result: &Result<Response, Error>) -> Ending {
    ending_of_lettre(result.as_ref().unwrap_err())
}

//! A mail as a handler sends it, with the transport that orch sets up.

use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::response::Response;
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use orch::mail::transport;

use crate::rows::row;
use crate::server::{At, Fault, SmtpServer};

/// Long enough for a connection on a busy host, short enough to wait for.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);
pub(crate) const ID: &str = "<key-1@shop.example>";

pub(crate) type Transport = AsyncSmtpTransport<Tokio1Executor>;

pub(crate) fn to(server: SocketAddr) -> AsyncSmtpTransportBuilder {
    Transport::builder_dangerous(server.ip().to_string()).port(server.port())
}

pub(crate) fn ours(server: SocketAddr) -> AsyncSmtpTransportBuilder {
    transport(to(server), ATTEMPT)
}

pub(crate) fn mail(id: &str, recipients: &[&str]) -> Message {
    let mut mail = Message::builder()
        .from("shop@shop.example".parse().unwrap())
        .message_id(Some(id.to_owned()))
        .subject("Your order");
    for recipient in recipients {
        mail = mail.to(recipient.parse().unwrap());
    }
    mail.body("Thank you.\r\nThe shop".to_owned()).unwrap()
}

/// One mail.
pub(crate) async fn send(builder: AsyncSmtpTransportBuilder) -> Result<Response, Error> {
    builder
        .build::<Tokio1Executor>()
        .send(mail(ID, &["ann@home.example", "bob@home.example"]))
        .await
}

/// A mail whose conversation has this fault, as a row of the table.
pub(crate) async fn case(kind: &str, at: At, fault: Fault) -> Result<Response, Error> {
    let server = SmtpServer::start([Some((at, fault))]).await;
    let result = send(ours(server.address())).await;
    row(kind, server.seen(), &result);
    result
}

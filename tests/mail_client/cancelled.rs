//! A send that is cancelled, as an attempt is that takes too long, and the mail after it.

use std::time::Duration;

use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::{AsyncTransport, Tokio1Executor};

use crate::rows::name;
use crate::server::{At, Fault, SmtpServer};
use crate::world::{ATTEMPT, mail, ours, to};

const REFUSED: Fault = Fault::Says("550 5.7.1 refused");

/// What becomes of a mail that the server refuses after its final dot, where the mail before was cancelled
/// while its own reply was awaited; and over how many connections.
async fn after_a_cancelled_one(
    builder: impl Fn(&SmtpServer) -> AsyncSmtpTransportBuilder,
) -> (&'static str, usize) {
    let server = SmtpServer::start([None, Some((At::Dot, REFUSED))]).await;
    server.answers_late();
    let transport = builder(&server).build::<Tokio1Executor>();
    let first = transport.send(mail("<1@shop.example>", &["ann@home.example"]));
    assert!(tokio::time::timeout(Duration::from_millis(500), first).await.is_err());
    // The connection goes back to the pool, or is closed, on a task of its own.
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.answers();
    let second = transport.send(mail("<2@shop.example>", &["bob@home.example"]));
    let second = tokio::time::timeout(ATTEMPT, second).await.unwrap();
    (name(&second), server.connections())
}

#[tokio::test]
async fn the_next_mail_has_its_own_connection_and_its_own_reply() {
    let (ending, connections) = after_a_cancelled_one(|server| ours(server.address())).await;
    assert_eq!((ending, connections), ("fail", 2));
}

/// Why `transport` keeps no connection: the reply that is read as the second mail's is that to its `DATA`.
#[tokio::test]
async fn with_a_pool_a_mail_that_was_refused_is_called_sent() {
    let (ending, connections) = after_a_cancelled_one(|server| to(server.address())).await;
    assert_eq!((ending, connections), ("done", 1));
}

//! Each command of the conversation, and each way in which it can go wrong.

use orch::Ending;
use orch::mail::ending_of_lettre;

use crate::rows::row;
use crate::server::{At, Fault, SmtpServer};
use crate::world::{case, ours, send};

#[tokio::test]
async fn a_mail_that_is_taken() {
    let server = SmtpServer::start([]).await;
    let result = send(ours(server.address())).await;
    row("nothing", server.seen(), &result);
    let mails = server.mails();
    assert_eq!((mails[0].to.len(), mails[0].message_id()), (2, crate::world::ID));
}

#[tokio::test]
async fn a_reply_that_says_not_now() {
    let busy = Fault::Says("421 4.7.0 too many connections");
    let _ = case("4yz as the greeting", At::Connection, busy).await;
    let _ = case("4yz to EHLO", At::Ehlo, busy).await;
    let later = Fault::Says("451 4.3.0 later");
    let _ = case("4yz to MAIL", At::Mail, later).await;
    let _ = case("4yz to RCPT, as in greylisting", At::Rcpt(0), later).await;
    let _ = case("4yz to RCPT of the second recipient", At::Rcpt(1), later).await;
    let _ = case("4yz to DATA", At::Data, later).await;
    let _ = case("4yz after the final dot", At::Dot, later).await;
    let shutting_down = Fault::Says("421 4.3.2 shutting down");
    let _ = case("421 after the final dot", At::Dot, shutting_down).await;
}

#[tokio::test]
async fn a_reply_that_refuses() {
    let no = Fault::Says("550 5.1.1 no such user");
    let _ = case("5yz as the greeting", At::Connection, Fault::Says("554 no service")).await;
    let _ = case("5yz to MAIL", At::Mail, no).await;
    let _ = case("5yz to RCPT of the only recipient", At::Rcpt(0), no).await;
    let _ = case("5yz to DATA", At::Data, no).await;
    let _ = case("5yz after the final dot", At::Dot, no).await;
    // The first recipient was accepted, and gets nothing either.
    let result = case("5yz to RCPT of the second recipient", At::Rcpt(1), no).await;
    let ending = ending_of_lettre(&result.unwrap_err());
    assert_eq!(ending, Ending::fail("SMTP_550", false));
}

#[tokio::test]
async fn a_connection_that_closes() {
    for fault in [Fault::HangsUp, Fault::Resets] {
        let _ = case("the connection closes before the greeting", At::Connection, fault).await;
        let _ = case("the connection closes at EHLO", At::Ehlo, fault).await;
        let _ = case("the connection closes at MAIL", At::Mail, fault).await;
        let _ = case("the connection closes at RCPT", At::Rcpt(1), fault).await;
        let _ = case("the connection closes at DATA", At::Data, fault).await;
        let _ = case("the connection closes within the text", At::Text, fault).await;
        let _ = case("the connection closes after the final dot", At::Dot, fault).await;
    }
}

#[tokio::test]
async fn a_reply_that_is_none() {
    let http = Fault::Says("HTTP/1.1 400 Bad Request");
    let _ = case("the greeting is no SMTP", At::Connection, http).await;
    let _ = case("the reply to the final dot is no SMTP", At::Dot, http).await;
}

/// lettre takes its leave once the reply is there, on a task of its own.
#[tokio::test]
async fn a_leave_that_is_not_answered() {
    for fault in [Fault::HangsUp, Fault::Silent, Fault::Says("500 what?")] {
        let _ = case("QUIT after a mail is not answered", At::Quit, fault).await;
    }
}

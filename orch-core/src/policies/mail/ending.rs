use lettre::transport::smtp::Error;

use super::CANNOT_BE_SENT;
use crate::policies::Ending;

/// How the attempt ends with an error of lettre's SMTP transports; for `#[outcome(from = …)]`.
///
/// | what went wrong | ending | because |
/// |---|---|---|
/// | the name is not known, the connection is refused or takes longer than `timeout`, the TLS handshake fails | retry | no mail was sent on it |
/// | a reply 4yz to any command, after the final dot too, 421 among them | retry | a server that says so after the mail's end must not deliver it (RFC 5321 §4.2.5) |
/// | a reply 5yz to any command | fail, `SMTP_550` | refused, and not delivered (RFC 5321 §4.2.5). lettre breaks off at the first recipient who is refused, so none of them gets it |
/// | lettre itself refuses to go on: `SMTPUTF8`, `8BITMIME`, `STARTTLS` or a login is missing | fail, [`CANNOT_BE_SENT`] | it does so before the mail, and would again |
/// | the transport was shut down | retry | nothing was sent |
/// | the connection closes or breaks, at any command | in doubt | lettre does not say at which one, and the final dot may have been read |
/// | a reply that is none | in doubt | it may be the reply to the final dot |
/// | `SmtpTransport`, which blocks: a timeout after the connection | in doubt | the same |
///
/// It is about one mail with [`transport`]: on a pooled connection of lettre a reply may be that to an earlier
/// mail. lettre 0.11.23 has no function that says *no connection*: it is read from the beginning of the
/// error's text, which no server can write. With another text it would be in doubt.
///
/// A *retry* after 4yz is often one for which the server wants minutes (greylisting): give such a handler a
/// `backoff` and a `time_budget` of that size.
///
/// The text of an error has the server's reply, which may name the recipient, and goes into the history.
///
/// [`transport`]: super::transport
#[must_use]
pub fn ending_of_lettre(error: &Error) -> Ending {
    if let (true, Some(status)) = (error.is_permanent(), error.status()) {
        return Ending::fail(&format!("SMTP_{status}"), false);
    }
    if error.is_client() {
        return Ending::fail(CANNOT_BE_SENT, false);
    }
    if error.is_transient() || error.is_transport_shutdown() || is_without_a_connection(error) {
        return Ending::Retry { after: None };
    }
    Ending::InDoubt
}

/// Only an error that is no reply can begin like this: those begin with what kind of reply they are.
fn is_without_a_connection(error: &Error) -> bool {
    error.to_string().starts_with("Connection error")
}

//! What an SMTP server's replies, or their absence, say about a mail. Without the feature
//! `lettre` only the code is here.
//!
//! SMTP has no keys: a mail that is sent twice arrives twice. So the effect of such a handler is
//! `unsafe`, unless a second copy does no harm, and after a lost reply SMTP itself has no question to ask.
//! `ending_of_lettre` says how an attempt ends, `transport` sets up lettre so that one mail is sent once, and
//! `message_id` makes the `Message-ID` by which both copies of a mail, or the one in the log of
//! the server, can be found.

#[cfg(feature = "lettre")]
mod ending;
#[cfg(feature = "lettre")]
mod transport;

#[cfg(feature = "lettre")]
pub use self::{ending::ending_of_lettre, transport::transport};

/// The failure code of a mail that lettre does not send to this server: it has no way to write its addresses or
/// its text, no `STARTTLS`, or no kind of login that both know.
pub const CANNOT_BE_SENT: &str = "SMTP_CANNOT_BE_SENT";

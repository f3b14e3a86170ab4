//! Mails over SMTP that go wrong, on real sockets: what the server saw, and the ending that follows.
//!
//! Each row of the table in `docs/book/sending-mail.md` is a case here, and each case is a row there.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod attempts;
mod cancelled;
mod connecting;
mod conversation;
mod rows;
mod server;
#[path = "../rows/mod.rs"]
mod table;
mod world;

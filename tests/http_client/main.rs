//! Calls over HTTP that go wrong, on real sockets: what the server saw, and the ending that follows.
//!
//! Each row of the table in `docs/book/calling-over-http.md` is a case here, and each case with the
//! client that orch builds is a row there.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod answers;
mod attempts;
mod connecting;
mod http1;
mod http2;
mod many;
mod proxies;
mod redirects;
mod rows;
mod statuses;
#[path = "../rows/mod.rs"]
mod table;
mod tls;
mod world;

//! Calls over gRPC that go wrong, on real sockets: what the server saw, and the ending that follows.
//!
//! Each row of the table in `docs/book/calling-over-grpc.md` is a case here, and each case is a row there.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod answers;
mod attempts;
mod codes;
mod connecting;
mod http2;
mod many;
mod proxies;
mod raw;
mod rows;
#[path = "../rows/mod.rs"]
mod table;
mod tls;
mod world;

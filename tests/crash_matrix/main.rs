//! The crash matrix: handlers of every kind, killed at every boundary, on every store.
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod api;
mod contracts;
mod copy;
mod databases;
mod guards;
mod handlers;
mod hooks;
mod judge;
mod messages;
mod page;
mod payment;
mod provider;
mod references;
mod releases;
mod replayed_errors;
mod window;

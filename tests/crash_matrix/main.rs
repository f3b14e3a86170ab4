//! The crash matrix: handlers of every kind, killed at every boundary, on every store.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod api;
mod databases;
mod guards;
mod handlers;
mod judge;
mod page;
mod payment;

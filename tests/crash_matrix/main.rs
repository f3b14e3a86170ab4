//! The crash matrix: handlers of every kind, killed at every boundary, on every store.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod guards;
mod payment;

//! Every contract against every fault of its provider, on every store: at most one effect, and an end
//! that is true.
//!
//! The provider is scripted and does with keys what the contract says. The handlers are those of a user who
//! names the contract and nothing else: one leaves doubt to the contract's default, one reconciles. A new
//! contract is one line in `contracts.rs`.
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod contracts;
mod faults;
mod handlers;
mod judge;
mod own;
mod pairs;
mod probe;
mod runs;
mod stores;
mod world;

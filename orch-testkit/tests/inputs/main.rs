//! Whatever is put in comes back exactly, or is refused by an error that names the field.
//!
//! Generated keys, names, owners, payloads, outputs, texts, durations and numbers go through
//! every store; and sequences of the store's verbs get the same answers from all of them, which
//! are also those of the model that `tools/orch-model` checks.
//!
//! `ORCH_INPUT_CASES` says how many inputs are generated for each store (1,536 unless set), and
//! `ORCH_INPUT_SEQUENCES` how many sequences for all of them (64 unless set). The long run:
//!
//! ```sh
//! ORCH_INPUT_CASES=40000 ORCH_INPUT_SEQUENCES=1000 \
//!     scripts/postgres cargo test --release -p orch-testkit --test inputs
//! ```
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod model;
mod round_trip;
mod sequences;
mod stores;

use common::Backend;

#[test]
fn memory_keeps_or_refuses_every_input() {
    round_trip::every_input(Backend::Memory);
}

#[test]
fn sqlite_keeps_or_refuses_every_input() {
    round_trip::every_input(Backend::Sqlite);
}

#[test]
fn postgres_keeps_or_refuses_every_input() {
    round_trip::every_input(Backend::Postgres);
}

/// A number from the environment.
fn setting(name: &str, default: u32) -> u32 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => default,
    }
}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(still_running, clears_doubt)]
    #[error("no answer")]
    NoAnswer,
}

fn main() {}

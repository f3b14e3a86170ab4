use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry, clears_doubt)]
    #[error("declined")]
    Declined,
}

fn main() {}

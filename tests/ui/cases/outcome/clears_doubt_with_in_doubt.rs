use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(in_doubt, clears_doubt)]
    #[error("declined")]
    Declined,
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(already_done, in_doubt)]
    #[error("no answer")]
    NoAnswer,
}

fn main() {}

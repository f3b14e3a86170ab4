use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(still_running, retry)]
    #[error("no answer")]
    NoAnswer,
}

fn main() {}

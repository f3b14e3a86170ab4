use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(still_running, code = "BUSY")]
    #[error("no answer")]
    NoAnswer,
}

fn main() {}

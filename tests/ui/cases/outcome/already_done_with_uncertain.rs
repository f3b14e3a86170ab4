use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(already_done, uncertain)]
    #[error("no answer")]
    NoAnswer,
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retyr)]
    #[error("declined")]
    Declined,
}

fn main() {}

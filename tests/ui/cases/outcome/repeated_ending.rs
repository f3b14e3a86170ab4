use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry, retry)]
    #[error("declined")]
    Declined,
}

fn main() {}

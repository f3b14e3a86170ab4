use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry, after = 1)]
    #[error("declined")]
    Limited(std::time::Duration),
}

fn main() {}

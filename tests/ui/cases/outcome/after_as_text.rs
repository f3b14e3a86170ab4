use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry, after = "1s")]
    #[error("declined")]
    Limited,
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry, after = wait)]
    #[error("declined")]
    Limited { wait: u64 },
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry, settles_doubt)]
    #[error("declined")]
    Declined,
}

fn main() {}

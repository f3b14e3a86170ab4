use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry)]
    #[error("down")]
    Down,
    #[error("declined")]
    Declined,
}

fn main() {}

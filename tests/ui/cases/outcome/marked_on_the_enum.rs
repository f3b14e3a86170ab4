use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
enum ChargeError {
    #[outcome(retry)]
    #[error("down")]
    Down,
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome]
    #[error("down")]
    Down,
}

fn main() {}

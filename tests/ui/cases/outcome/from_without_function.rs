use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(from)]
    #[error("no answer")]
    Gateway(#[from] std::io::Error),
}

fn main() {}

use orch::prelude::*;

fn is_definite(_error: &std::io::Error) -> bool {
    false
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(from = is_definite)]
    #[error("no answer")]
    Gateway(#[from] std::io::Error),
}

fn main() {}

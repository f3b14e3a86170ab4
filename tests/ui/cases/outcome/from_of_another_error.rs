use orch::Ending;
use orch::prelude::*;

fn ending(_error: &std::fmt::Error) -> Ending {
    Ending::InDoubt
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(from = ending)]
    #[error("no answer")]
    Gateway(#[from] std::io::Error),
}

fn main() {}

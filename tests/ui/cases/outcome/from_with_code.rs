use orch::Ending;
use orch::prelude::*;

fn ending(_error: &std::io::Error) -> Ending {
    Ending::InDoubt
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(from = ending, code = "NO_ANSWER")]
    #[error("no answer")]
    Gateway(#[from] std::io::Error),
}

fn main() {}

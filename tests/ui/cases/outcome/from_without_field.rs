use orch::Ending;
use orch::prelude::*;

fn ending(_error: &std::io::Error) -> Ending {
    Ending::InDoubt
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(from = ending)]
    #[error("no answer")]
    NoAnswer,
    #[outcome(from = ending)]
    #[error("no connection")]
    Connection(#[source] std::io::Error),
}

fn main() {}

use orch::Ending;
use orch::prelude::*;

fn ending(_error: &String) -> Ending {
    Ending::InDoubt
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(from = ending)]
    #[error("{place}: {said}")]
    Gateway { place: String, said: String },
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail)]
    #[error("declined")]
    Declined,
}

fn main() {}

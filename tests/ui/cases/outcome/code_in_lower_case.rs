use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "card declined")]
    #[error("declined")]
    Declined,
}

fn main() {}

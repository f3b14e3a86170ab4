use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(in_doubt, settles_doubt)]
    #[error("declined")]
    Declined,
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "IN_DOUBT")]
    #[error("declined")]
    Declined,
}

fn main() {}

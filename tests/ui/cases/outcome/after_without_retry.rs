use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(in_doubt, after = wait)]
    #[error("declined")]
    Declined { wait: std::time::Duration },
}

fn main() {}

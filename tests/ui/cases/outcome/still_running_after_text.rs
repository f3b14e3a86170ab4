use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(still_running, after = wait)]
    #[error("no answer")]
    NoAnswer { wait: String },
}

fn main() {}

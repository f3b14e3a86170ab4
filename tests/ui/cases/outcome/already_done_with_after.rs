use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(already_done, after = wait)]
    #[error("no answer")]
    NoAnswer { wait: Duration },
}

fn main() {}

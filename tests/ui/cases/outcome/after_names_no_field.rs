use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry, after = wiat)]
    #[error("declined")]
    Limited { wait: std::time::Duration },
}

fn main() {}

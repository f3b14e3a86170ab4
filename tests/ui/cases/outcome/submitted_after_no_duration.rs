use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum TransferError {
    #[outcome(submitted, after = wait)]
    #[error("the bank has taken it")]
    Accepted { wait: u64 },
}

fn main() {}

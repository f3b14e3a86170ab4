use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum TransferError {
    #[outcome(submitted, still_running)]
    #[error("the bank has taken it")]
    Accepted { transfer: String },
}

fn main() {}

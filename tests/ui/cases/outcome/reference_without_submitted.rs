use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum TransferError {
    #[outcome(in_doubt, reference = transfer)]
    #[error("the bank has taken it")]
    Accepted { transfer: String },
}

fn main() {}

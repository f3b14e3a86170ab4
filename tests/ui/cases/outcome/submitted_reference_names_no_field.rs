use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum TransferError {
    #[outcome(submitted, reference = transfr)]
    #[error("the bank has taken it")]
    Accepted { transfer: String },
}

fn main() {}

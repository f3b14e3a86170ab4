use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum TransferError {
    #[outcome(submitted, reference = transfer)]
    #[error("the bank has taken it")]
    Accepted { transfer: Option<String> },
}

fn main() {}

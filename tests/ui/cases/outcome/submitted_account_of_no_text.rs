use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum TransferError {
    #[outcome(submitted, reference = transfer, account = account)]
    #[error("the bank has taken it")]
    Accepted { transfer: String, account: Vec<u8> },
}

fn main() {}

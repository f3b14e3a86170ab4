use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum TransferError {
    #[outcome(submitted, account = account)]
    #[error("the bank has taken it")]
    Accepted { account: String },
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(retry, fail, code = "CARD_DECLINED")]
    #[error("declined")]
    Declined,
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED", uncertain = true)]
    #[error("declined")]
    Declined,
}

fn main() {}

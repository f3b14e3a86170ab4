use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED", clear_doubt)]
    #[error("declined")]
    Declined,
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED", clears_doubt = true)]
    #[error("declined")]
    Declined,
}

fn main() {}

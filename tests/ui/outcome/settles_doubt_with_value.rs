use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED", settles_doubt = true)]
    #[error("declined")]
    Declined,
}

fn main() {}

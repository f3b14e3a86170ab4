use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError<T: std::fmt::Debug> {
    #[outcome(retry)]
    #[error("down {0:?}")]
    Down(T),
}

fn main() {}

use orch::prelude::*;

#[derive(Debug, Outcome)]
enum ChargeError {
    #[outcome(retry)]
    Down,
}

fn main() {}

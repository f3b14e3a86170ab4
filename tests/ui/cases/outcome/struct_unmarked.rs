use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
#[error("declined")]
struct Declined;

fn main() {}

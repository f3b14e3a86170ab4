use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

struct Borrowing<'a>(&'a str);

#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(_cmd: Borrowing<'_>) -> Result<(), Down> {
    Ok(())
}

fn main() {}

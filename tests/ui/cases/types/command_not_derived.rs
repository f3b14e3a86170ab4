use orch::prelude::*;

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

#[derive(Serialize, Deserialize)]
struct Charge {
    order_id: u64,
}

#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(_cmd: Charge) -> Result<(), Down> {
    Ok(())
}

fn main() {}

use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", domain = "PAYMENT", event = "CHARGE", output = u64)]
struct Charge {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(_cmd: Charge) -> Result<u64, Down> {
    Ok(1)
}

fn main() {}

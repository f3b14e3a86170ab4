use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

struct Connection;

async fn book(_conn: &mut Connection, _ended: &FinalOutcome<u64>) {}

#[orchestrated(domain = "PAYMENT", event = "CHARGE", finalize = book)]
async fn charge(_cmd: Charge) -> Result<u64, Down> {
    Ok(1)
}

fn main() {}

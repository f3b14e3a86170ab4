use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}", domain = "PAYMENT", event = "CHARGE", output = (), time_budget = "1m")]
struct Charge {
    id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(retry)]
#[error("down")]
struct Down;

#[orchestrated(domain = "PAYMENT", event = "CHARGE", binding = "command", attempt_timeout = "2m")]
async fn charge(_cmd: Charge) -> Result<(), Down> {
    Ok(())
}

fn main() {}

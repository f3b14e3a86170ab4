use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
#[serde(rename_all = "camelCase")]
struct Charge {
    order_id: u64,
    #[command(idem_ignore)]
    sent_at: u64,
}

fn main() {}

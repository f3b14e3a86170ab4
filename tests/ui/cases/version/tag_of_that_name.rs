use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[serde(tag = "$version")]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

fn main() {}

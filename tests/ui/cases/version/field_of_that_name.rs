use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
    #[serde(rename = "$version")]
    version: u32,
}

fn main() {}

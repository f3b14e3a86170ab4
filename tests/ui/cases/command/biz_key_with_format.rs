use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id:08}")]
struct Charge {
    order_id: u64,
}

fn main() {}

use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{shop}/{order_id}", identity = 1, earlier = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
    shop: String,
}

fn main() {}

use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{shop}/{order_id}", earlier = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
    shop: String,
}

fn main() {}

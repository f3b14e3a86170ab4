use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{shop}/{order_id}", identity = 2, earlier = "ORDER-{order}")]
struct Charge {
    order_id: u64,
    shop: String,
}

fn main() {}

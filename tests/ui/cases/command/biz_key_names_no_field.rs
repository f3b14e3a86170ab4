use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{oder_id}")]
struct Charge {
    order_id: u64,
}

fn main() {}

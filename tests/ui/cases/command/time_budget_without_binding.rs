use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", time_budget = "1h")]
struct Charge {
    order_id: u64,
}

fn main() {}

use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge<T> {
    order_id: u64,
    body: T,
}

fn main() {}

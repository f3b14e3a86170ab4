use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Before {
    order_id: u64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", version = 2, upgrade = from_before)]
struct Charge {
    order_id: u64,
}

struct Refused;

fn from_before(before: Before) -> Result<Charge, Refused> {
    if before.order_id == 0 { Err(Refused) } else { Ok(Charge { order_id: before.order_id }) }
}

fn main() {}

//! The example of the page on deploys: dollars that have become cents.

use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct ChargeV1 {
    order_id: u64,
    dollars: u64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}", version = 2, upgrade = in_cents)]
struct Charge {
    order_id: u64,
    cents: u64,
}

fn in_cents(before: ChargeV1) -> Charge {
    let ChargeV1 { order_id, dollars } = before;
    Charge { order_id, cents: dollars * 100 }
}

#[test]
fn what_was_stored_in_dollars_is_read_in_cents() {
    use orch::internals::handler::TypedCommand;

    let stored = ChargeV1 { order_id: 7, dollars: 5 }.to_stored().unwrap();
    let charge = Charge::from_stored(&stored).unwrap();
    assert_eq!((charge.order_id, charge.cents), (7, 500));
}

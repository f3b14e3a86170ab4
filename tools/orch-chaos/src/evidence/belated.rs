//! Effects of calls that arrived after the provider had said that they had not happened. They are taken out of
//! the ledger, at most one per such call, and only where the provider knows no keys: everywhere else they
//! break a rule.

use std::collections::{HashMap, HashSet};

use orch_lab::check::Evidence;
use orch_lab::ledger::{Entry, Receipt};
use orch_lab::provider::Repeats;

use crate::order::Orders;

/// Takes the effects of belated calls out of the ledger. Says how many there were for each order.
pub(crate) fn set_apart(orders: Orders, common: &mut Evidence) -> HashMap<u64, u64> {
    let belated: HashSet<u64> = common.ledger.iter().filter_map(belated).collect();
    let outputs: HashSet<String> = common
        .stored
        .iter()
        .filter_map(|stored| serde_json::from_str::<Receipt>(stored.output.as_ref()?).ok())
        .map(|receipt| receipt.receipt_id)
        .collect();
    let mut excused: HashMap<u64, u64> = HashMap::new();
    for entry in &common.ledger {
        if let Entry::Act { call, order_id, .. } = entry
            && belated.contains(call)
            && orders.of(*order_id).product.repeats() == Repeats::Acts
        {
            *excused.entry(*order_id).or_default() += 1;
        }
    }
    let all = excused.clone();
    // Those of belated calls first, so that another one goes only where a belated one is the output.
    for is_belated in [true, false] {
        common.ledger.retain(|entry| match entry {
            Entry::Act { call, order_id, receipt, .. }
                if belated.contains(call) == is_belated
                    && !outputs.contains(&receipt.receipt_id) =>
            {
                let left = excused.get_mut(order_id).filter(|left| **left > 0);
                left.map(|left| *left -= 1).is_none()
            }
            _ => true,
        });
    }
    all
}

fn belated(entry: &Entry) -> Option<u64> {
    match entry {
        Entry::Call(call) if call.belated => Some(call.call),
        _ => None,
    }
}

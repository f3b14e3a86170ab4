//! Evidence in which all is well, for tests that spoil it.

use super::Evidence;
use crate::ledger::{Answer, Body, Call, Entry, Receipt, Request};
use crate::store::{Logged, Stored};

/// The operation that it is about.
pub const OP: &str = "0000000000000000000000000000000a";

/// One order, accepted as a charge, called once, answered and completed.
pub fn sound(body: Body) -> Evidence {
    let (order_id, receipt) = (body.order_id, receipt("receipt-1", body.amount));
    let act = Entry::Act { call: 1, order_id, key: "key".into(), receipt: receipt.clone() };
    let answer = Some(Answer::Done(receipt.clone()));
    let stored = Stored {
        op_id: OP.into(),
        biz_key: format!("ORDER-{order_id}"),
        idem_key: format!("request-{order_id}"),
        event: "CHARGE".into(),
        body: serde_json::to_string(&body).unwrap_or_default(),
        redrive: 0,
        accepted_at: 0,
        status: "COMPLETED".into(),
        phase: None,
        held: false,
        fence: 1,
        retries: 0,
        lost: 0,
        reconciles: 0,
        output: serde_json::to_string(&receipt).ok(),
        failure: None,
        outcome: Some("OK 1".into()),
    };
    Evidence {
        ledger: vec![call(1, body), act, Entry::Answered { call: 1, at: 2, answer }],
        told: vec![(order_id, OP.into())],
        stored: vec![stored],
        log: vec![logged("OK", "handler")],
    }
}

/// A call of its first attempt, by the first worker.
pub fn call(call: u64, body: Body) -> Entry {
    let request = Request { key: "key".into(), body, attempt: 1, worker: 1 };
    Entry::Call(Call { call, nth: 1, at: 1, belated: false, request })
}

/// What the provider gives.
pub fn receipt(receipt_id: &str, amount: u64) -> Receipt {
    Receipt { receipt_id: receipt_id.into(), amount }
}

/// The end of its first attempt.
pub fn logged(outcome: &str, source: &str) -> Logged {
    Logged {
        op_id: OP.into(),
        fence: 1,
        late: false,
        pending: false,
        attempt: 1,
        source: source.into(),
        outcome: outcome.into(),
        worker: Some("w1-a".into()),
        logged_at: 3,
    }
}

//! The checker is code that must be able to fail: each rule is broken once.

use super::*;

const SEED: u64 = 1;
const OP: &str = "0000000000000000000000000000000a";

/// The first order of this product.
fn order(product: Product) -> Order {
    (0..).map(|number| Order::of(SEED, number)).find(|order| order.product == product).unwrap()
}

/// A charge that was accepted, called once, answered and finished.
fn sound() -> Evidence {
    let order = order(Product::Charge);
    let Order { number, amount, .. } = order;
    let receipt = "receipt-1".to_owned();
    let output = serde_json::to_string(&Receipt { order: number, receipt, amount }).unwrap();
    let change = |what: &str, fence, old_fence, worker: Option<&str>| Change {
        at: 1,
        what: what.into(),
        op_id: OP.into(),
        fence: Some(fence),
        old_fence,
        worker: worker.map(Into::into),
        detail: None,
    };
    let finished = Change { detail: Some("OK 1".into()), ..change("finished", 1, None, None) };
    Evidence {
        ledger: vec![
            Entry::Call(call(number, 1)),
            Entry::Act { order: number, key: "key".into(), amount, receipt: "receipt-1".into() },
            Entry::Answered {
                call: 1,
                at: 2,
                answer: Some(Answer::Done { receipt: "receipt-1".into(), amount }),
            },
        ],
        told: vec![Line::Told { order: number, op_id: OP.into() }],
        stored: vec![Stored {
            op_id: OP.into(),
            idem_key: order.idem_key(),
            event: "CHARGE".into(),
            body: serde_json::to_string(&order.body()).unwrap(),
            state: "COMPLETED".into(),
            phase: None,
            held: false,
            fence: 1,
            retries: 0,
            lost: 0,
            reconciles: 0,
            output: Some(output),
            failure: None,
            outcome: Some("OK 1".into()),
        }],
        log: vec![entry("OK", "handler")],
        changes: vec![
            change("fence", 1, Some(0), Some("w1-a")),
            Change { detail: Some("handler".into()), ..change("log", 1, None, Some("w1-a")) },
            finished,
        ],
        bookings: vec![],
    }
}

fn call(order: u64, call: u64) -> Call {
    let amount = Order::of(SEED, order).amount;
    Call { call, at: 1, order, key: "key".into(), amount, attempt: 1, worker: 1 }
}

fn entry(outcome: &str, source: &str) -> Logged {
    Logged {
        op_id: OP.into(),
        fence: 1,
        late: false,
        source: source.into(),
        outcome: outcome.into(),
        worker: None,
        logged_at: 1,
    }
}

fn broken(spoil: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = sound();
    spoil(&mut evidence);
    check(SEED, &evidence).broken.into_keys().collect()
}

#[test]
fn what_is_sound_breaks_no_rule() {
    let verdict = check(SEED, &sound());
    assert_eq!(verdict.findings, Vec::<String>::new());
    assert_eq!((verdict.accepted, verdict.completed, verdict.calls), (1, 1, 1));
    assert_eq!(verdict.money_in_store, verdict.money_in_ledger);
}

#[test]
fn an_accepted_operation_that_is_gone_or_unfinished_is_lost() {
    assert_eq!(broken(|e| e.stored.clear()), ["I1"]);
    let unfinished = broken(|e| {
        e.stored[0].state = "IN_PROGRESS".into();
        e.stored[0].phase = Some("waiting".into());
    });
    assert!(unfinished.contains(&"I1"));
}

#[test]
fn only_what_was_declared_so_may_be_parked() {
    let parked = broken(|e| {
        e.stored[0].state = "IN_PROGRESS".into();
        e.stored[0].phase = Some("parked".into());
    });
    assert!(parked.contains(&"I1"));
}

#[test]
fn a_second_or_changed_outcome_is_found() {
    assert_eq!(broken(|e| e.changes.push(e.changes[2].clone())), ["I2"]);
    assert_eq!(broken(|e| e.stored[0].outcome = Some("OK 2".into())), ["I2"]);
    let removed = |e: &mut Evidence| {
        e.changes.push(Change { what: "removed".into(), ..e.changes[2].clone() });
    };
    assert_eq!(broken(removed), ["I2"]);
    let number = order(Product::Charge).number;
    assert_eq!(broken(|e| e.bookings.push((number, 1))), ["I2"]);
}

#[test]
fn a_success_that_nobody_gave_is_found() {
    let wrong = |e: &mut Evidence| {
        e.stored[0].output = e.stored[0].output.as_ref().map(|o| o.replace("receipt-1", "x"));
    };
    assert_eq!(broken(wrong), ["I3"]);
}

#[test]
fn a_certain_failure_behind_which_money_moved_is_found() {
    let failed = broken(|e| {
        let stored = &mut e.stored[0];
        stored.state = "FAILED".into();
        stored.output = None;
        stored.failure = Some(r#"{"code":"X","uncertain":false,"called":true}"#.into());
        let letter = Change { what: "letter".into(), ..e.changes[2].clone() };
        e.changes.push(Change { detail: e.stored[0].failure.clone(), ..letter });
    });
    assert_eq!(failed, ["I3"]);
}

#[test]
fn a_call_beyond_the_bound_is_found_and_a_counted_one_is_not() {
    let number = order(Product::Charge).number;
    assert_eq!(broken(|e| e.ledger.push(Entry::Call(call(number, 2)))), ["I4"]);
    let counted = broken(|e| {
        e.ledger.push(Entry::Call(call(number, 2)));
        e.log.push(entry("IN_DOUBT", "engine"));
        e.stored[0].lost = 1;
    });
    assert_eq!(counted, Vec::<&str>::new());
    assert_eq!(broken(|e| e.stored[0].retries = 1), ["I4"]);
}

#[test]
fn another_key_for_the_same_operation_is_found() {
    let number = order(Product::Charge).number;
    let other = broken(|e| {
        e.ledger.push(Entry::Call(Call { key: "other".into(), ..call(number, 2) }));
    });
    assert_eq!(other, ["I4", "I5"]);
}

#[test]
fn one_key_that_became_two_operations_is_found() {
    let number = order(Product::Charge).number;
    let two = broken(|e| {
        e.told.push(Line::Told { order: number, op_id: "b".into() });
    });
    assert_eq!(two, ["I6"]);
    let fooled = Line::Fooled { order: number, op_id: OP.into() };
    assert_eq!(broken(|e| e.told.push(fooled)), ["I6"]);
}

#[test]
fn a_lease_that_is_left_or_taken_early_is_found() {
    assert_eq!(broken(|e| e.stored[0].held = true), ["I7"]);
    let early = |e: &mut Evidence| {
        e.changes.push(Change { what: "early".into(), ..e.changes[0].clone() });
    };
    assert_eq!(broken(early), ["I7"]);
}

#[test]
fn a_fence_that_stays_or_falls_and_a_stranger_are_found() {
    assert_eq!(broken(|e| e.changes[0].old_fence = Some(1)), ["I8"]);
    assert_eq!(broken(|e| e.changes[1].fence = Some(0)), ["I8"]);
    let stranger = |e: &mut Evidence| {
        e.changes.push(Change { what: "stranger".into(), ..e.changes[0].clone() });
    };
    assert_eq!(broken(stranger), ["I8"]);
}

#[test]
fn money_that_moved_twice_is_found() {
    let number = order(Product::Charge).number;
    let twice = broken(|e| {
        let (key, receipt) = ("key".into(), "receipt-2".into());
        e.ledger.push(Entry::Act { order: number, key, amount: 5, receipt });
    });
    assert_eq!(twice, ["I9"]);
}

//! The checker is code that must be able to fail: each rule is broken once.

use super::*;
use crate::handlers::Receipt;

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
            accepted_at: 0,
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
        renewals: vec![],
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
        pending: false,
        attempt: 1,
        source: source.into(),
        outcome: outcome.into(),
        worker: Some("w1-a".into()),
        logged_at: 3,
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
        stored.failure = Some(r#"{"code":"DECLINED","uncertain":false,"called":true}"#.into());
        e.log[0].outcome = "FAIL".into();
        let letter = Change { what: "letter".into(), ..e.changes[2].clone() };
        e.changes.push(Change { detail: e.stored[0].failure.clone(), ..letter });
    });
    assert_eq!(failed, ["I3"]);
}

/// Breaks a rule where a failure is kept in full: state, dead letter, log.
fn failed(e: &mut Evidence, code: &str, uncertain: bool, outcome: &str, source: &str) {
    let stored = &mut e.stored[0];
    (stored.state, stored.output) = ("FAILED".into(), None);
    let failure = format!(r#"{{"code":"{code}","uncertain":{uncertain},"called":true}}"#);
    stored.failure = Some(failure.clone());
    stored.lost = i64::from(outcome == "IN_DOUBT");
    e.log = vec![entry(outcome, source)];
    e.ledger.truncate(1);
    let letter = Change { what: "letter".into(), ..e.changes[2].clone() };
    e.changes.push(Change { detail: Some(failure), ..letter });
}

#[test]
fn a_success_without_an_output_or_without_an_entry_is_found() {
    assert_eq!(broken(|e| e.stored[0].output = None), ["I3"]);
    assert_eq!(broken(|e| e.log.clear()), ["I3"]);
}

#[test]
fn an_answer_that_another_worker_was_given_is_found() {
    assert_eq!(broken(|e| e.log[0].worker = Some("w2-b".into())), ["I3"]);
    assert_eq!(broken(|e| e.log[0].attempt = 2), ["I3"]);
    assert_eq!(broken(|e| e.log[0].logged_at = 1), ["I3"], "the answer came at 2");
}

#[test]
fn a_refusal_or_a_retry_that_nobody_gave_is_found() {
    assert_eq!(broken(|e| failed(e, "DECLINED", false, "FAIL", "handler")), ["I3"]);
    let retry = |e: &mut Evidence| {
        e.log.insert(0, entry("RETRY", "handler"));
        e.stored[0].retries = 1;
    };
    assert_eq!(broken(retry), ["I3"]);
}

#[test]
fn a_failure_that_its_kind_does_not_declare_is_found() {
    for code in ["IN_DOUBT", "TIME_BUDGET_EXCEEDED", "ATTEMPTS_EXHAUSTED", "ELSE"] {
        assert_eq!(broken(|e| failed(e, code, true, "IN_DOUBT", "engine")), ["I1"], "{code}");
    }
}

#[test]
fn a_failure_is_uncertain_if_and_only_if_doubt_stands() {
    let declined = |e: &mut Evidence, uncertain| {
        failed(e, "DECLINED", uncertain, "FAIL", "handler");
        e.ledger.push(Entry::Answered { call: 1, at: 2, answer: Some(Answer::Declined) });
    };
    assert_eq!(broken(|e| declined(e, false)), Vec::<&str>::new());
    assert_eq!(broken(|e| declined(e, true)), ["I3"]);
    let doubted = |e: &mut Evidence, uncertain| {
        declined(e, uncertain);
        e.log.insert(0, Logged { logged_at: 0, ..entry("IN_DOUBT", "engine") });
        e.stored[0].lost = 1;
    };
    assert_eq!(broken(|e| doubted(e, true)), Vec::<&str>::new());
    assert_eq!(broken(|e| doubted(e, false)), ["I3"]);
}

/// A transfer whose first run ended in doubt, and which then was COMPLETED by this.
fn after_doubt(asked: bool) -> Evidence {
    let order = order(Product::Transfer);
    let text = serde_json::to_string(&sound().ledger).unwrap();
    let number = sound().ledger.len() as u64;
    let charge = self::order(Product::Charge);
    let text = text
        .replace(&format!("\"order\":{}", charge.number), &format!("\"order\":{}", order.number))
        .replace(&charge.amount.to_string(), &order.amount.to_string());
    let mut evidence = Evidence { ledger: serde_json::from_str(&text).unwrap(), ..sound() };
    assert_eq!(evidence.ledger.len() as u64, number);
    evidence.told = vec![Line::Told { order: order.number, op_id: OP.into() }];
    let stored = &mut evidence.stored[0];
    stored.idem_key = order.idem_key();
    stored.event = order.product.event().into();
    stored.body = serde_json::to_string(&order.body()).unwrap();
    let Order { number, amount, .. } = order;
    let receipt = Receipt { order: number, receipt: "receipt-1".into(), amount };
    stored.output = Some(serde_json::to_string(&receipt).unwrap());
    stored.lost = 1;
    evidence.log.insert(0, Logged { logged_at: 0, ..entry("IN_DOUBT", "engine") });
    if asked {
        let key = "key".into();
        let answer = Answer::NotHappened;
        evidence.ledger.push(Entry::Reconciled { order: number, key, answer });
        evidence.log.insert(1, entry("NOT_HAPPENED", "reconcile"));
    }
    evidence
}

#[test]
fn a_run_where_the_provider_was_to_be_asked_is_found() {
    let broken = |asked| check(SEED, &after_doubt(asked)).broken.into_keys().collect::<Vec<_>>();
    assert_eq!(broken(true), Vec::<&str>::new());
    assert_eq!(broken(false), ["I1"]);
}

#[test]
fn an_answer_to_a_question_that_was_never_asked_is_found() {
    let mut evidence = after_doubt(true);
    evidence.ledger.retain(|entry| !matches!(entry, Entry::Reconciled { .. }));
    assert_eq!(check(SEED, &evidence).broken.into_keys().collect::<Vec<_>>(), ["I3"]);
}

#[test]
fn an_outcome_that_the_state_never_followed_is_found() {
    assert_eq!(broken(|e| e.log[0].pending = true), ["I1"]);
}

#[test]
fn a_retry_before_its_delay_is_found() {
    let next_claim = |e: &mut Evidence, at| {
        e.ledger.push(Entry::Answered { call: 1, at: 2, answer: Some(Answer::Busy) });
        e.log.insert(0, entry("RETRY", "handler"));
        e.stored[0].retries = 1;
        e.changes.push(Change {
            at,
            fence: Some(2),
            old_fence: Some(1),
            worker: Some("w2-b".into()),
            ..e.changes[0].clone()
        });
    };
    assert_eq!(broken(|e| next_claim(e, 100_003)), Vec::<&str>::new());
    assert_eq!(broken(|e| next_claim(e, 98_000)), ["I7"]);
}

#[test]
fn a_claim_after_the_deadline_is_found() {
    let hurried = (0..).map(|n| Order::of(SEED, n)).find(|order| order.hurried).unwrap();
    let late = |at| {
        let claim = Change { at, ..sound().changes[0].clone() };
        let body = serde_json::to_string(&hurried.body()).unwrap();
        let stored = Stored { body, idem_key: hurried.idem_key(), ..sound().stored[0].clone() };
        let evidence =
            Evidence { stored: vec![stored], changes: vec![claim], ..Evidence::default() };
        check(SEED, &evidence).broken.contains_key("I7")
    };
    assert!(!late(1_600_000));
    assert!(late(1_800_000));
}

#[test]
fn a_changed_body_that_was_not_refused_is_found() {
    let changed =
        (0..).map(|n| Order::of(SEED, n)).find(|order| order.repeat == Repeat::Changed).unwrap();
    let (order, op_id) = (changed.number, OP.to_owned());
    let mut evidence = Evidence {
        stored: vec![Stored { idem_key: changed.idem_key(), ..sound().stored[0].clone() }],
        told: vec![Line::Told { order, op_id: OP.into() }],
        ..Evidence::default()
    };
    let unrefused = |evidence: &Evidence| {
        let findings = check(SEED, evidence).findings;
        findings.iter().any(|finding| finding.contains("was not refused"))
    };
    assert!(unrefused(&evidence));
    evidence.told.push(Line::Refused { order, op_id });
    assert!(!unrefused(&evidence));
}

#[test]
fn a_renewal_that_the_owner_did_not_ask_for_is_found() {
    let renewed = |e: &mut Evidence| {
        e.changes.push(Change { what: "renewed".into(), ..e.changes[0].clone() });
    };
    assert_eq!(broken(renewed), ["I8"]);
    let asked = broken(|e| {
        renewed(e);
        e.renewals.push((OP.into(), 1));
    });
    assert_eq!(asked, Vec::<&str>::new());
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

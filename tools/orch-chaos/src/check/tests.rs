//! The checker is code that must be able to fail: each rule is broken once.

use orch_lab::check::sample::{OP, logged as entry};
use orch_lab::ledger::{Answer, Entry};
use orch_lab::store::Logged;

use super::*;

mod contracts;
mod messages;
mod releases;
mod seats;

const ORDERS: Orders = Orders { seed: 1, rolling: false };

/// The first order of this product.
fn order(product: Product) -> Order {
    (0..).map(|number| ORDERS.of(number)).find(|order| order.product == product).unwrap()
}

/// A charge that was accepted, called once, answered and finished.
fn sound() -> Evidence {
    let change = |what: &str, old_fence, worker: Option<&str>, detail: Option<&str>| Change {
        at: 1,
        what: what.into(),
        op_id: OP.into(),
        fence: Some(1),
        old_fence,
        worker: worker.map(Into::into),
        detail: detail.map(Into::into),
    };
    Evidence {
        common: check::sample::sound(order(Product::Charge).body()),
        changes: vec![
            change("fence", Some(0), Some("w1-a"), None),
            change("log", None, Some("w1-a"), Some("handler")),
            change("finished", None, None, Some("OK 1")),
        ],
        ..Evidence::default()
    }
}

fn broken(spoil: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = sound();
    spoil(&mut evidence);
    check(ORDERS, &evidence).found.broken.into_keys().collect()
}

#[test]
fn what_is_sound_breaks_no_rule() {
    let found = check(ORDERS, &sound()).found;
    assert_eq!(found.findings, Vec::<String>::new());
    assert_eq!((found.accepted, found.completed, found.calls), (1, 1, 1));
}

#[test]
fn only_what_was_declared_so_may_be_parked() {
    let parked = broken(|e| {
        e.common.stored[0].status = "IN_PROGRESS".into();
        e.common.stored[0].phase = Some("parked".into());
    });
    assert!(parked.contains(&"I1"));
}

#[test]
fn a_second_or_changed_outcome_is_found() {
    assert_eq!(broken(|e| e.changes.push(e.changes[2].clone())), ["I2"]);
    assert_eq!(broken(|e| e.common.stored[0].outcome = Some("OK 2".into())), ["I2"]);
    let removed = |e: &mut Evidence| {
        e.changes.push(Change { what: "removed".into(), ..e.changes[2].clone() });
    };
    assert_eq!(broken(removed), ["I2"]);
    let number = order(Product::Charge).number;
    assert_eq!(broken(|e| e.bookings.push((number.cast_signed(), 1))), ["I2"]);
}

/// Breaks a rule where a failure is kept in full: state, dead letter, log.
fn failed(e: &mut Evidence, code: &str, uncertain: bool, outcome: &str, source: &str) {
    let stored = &mut e.common.stored[0];
    (stored.status, stored.output) = ("FAILED".into(), None);
    let failure = format!(r#"{{"code":"{code}","uncertain":{uncertain},"called":true}}"#);
    stored.failure = Some(failure.clone());
    stored.lost = i64::from(outcome == "IN_DOUBT");
    e.common.log = vec![entry(outcome, source)];
    e.common.ledger.truncate(1);
    let letter = Change { what: "letter".into(), ..e.changes[2].clone() };
    e.changes.push(Change { detail: Some(failure), ..letter });
}

#[test]
fn a_success_without_an_entry_is_found() {
    assert_eq!(broken(|e| e.common.log.clear()), ["I3"]);
}

#[test]
fn an_answer_that_another_worker_was_given_is_found() {
    assert_eq!(broken(|e| e.common.log[0].worker = Some("w2-b".into())), ["I3"]);
    assert_eq!(broken(|e| e.common.log[0].attempt = 2), ["I3"]);
    assert_eq!(broken(|e| e.common.log[0].logged_at = 1), ["I3"], "the answer came at 2");
}

#[test]
fn a_refusal_or_a_retry_that_nobody_gave_is_found() {
    assert_eq!(broken(|e| failed(e, "DECLINED", false, "FAIL", "handler")), ["I3"]);
    let retry = |e: &mut Evidence| {
        e.common.log.insert(0, entry("RETRY", "handler"));
        e.common.stored[0].retries = 1;
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
        e.common.ledger.push(Entry::Answered { call: 1, at: 2, answer: Some(Answer::Declined) });
    };
    assert_eq!(broken(|e| declined(e, false)), Vec::<&str>::new());
    assert_eq!(broken(|e| declined(e, true)), ["I3"]);
    let doubted = |e: &mut Evidence, uncertain| {
        declined(e, uncertain);
        e.common.log.insert(0, Logged { logged_at: 0, ..entry("IN_DOUBT", "engine") });
        e.common.stored[0].lost = 1;
    };
    assert_eq!(broken(|e| doubted(e, true)), Vec::<&str>::new());
    assert_eq!(broken(|e| doubted(e, false)), ["I3"]);
}

/// A transfer whose first run ended in doubt, and which then was COMPLETED by this.
fn after_doubt(asked: bool) -> Evidence {
    let order = order(Product::Transfer);
    let common = check::sample::sound(order.body());
    let mut evidence = Evidence { common, ..sound() };
    let common = &mut evidence.common;
    common.stored[0].event = order.product.event().into();
    common.stored[0].lost = 1;
    common.log.insert(0, Logged { logged_at: 0, ..entry("IN_DOUBT", "engine") });
    if asked {
        let (order_id, key) = (order.number, "key".into());
        common.ledger.push(Entry::Reconciled { order_id, key, answer: Answer::NotHappened });
        common.log.insert(1, entry("NOT_HAPPENED", "reconcile"));
    }
    evidence
}

#[test]
fn a_run_where_the_provider_was_to_be_asked_is_found() {
    let broken =
        |asked| check(ORDERS, &after_doubt(asked)).found.broken.into_keys().collect::<Vec<_>>();
    assert_eq!(broken(true), Vec::<&str>::new());
    assert_eq!(broken(false), ["I1"]);
}

#[test]
fn an_answer_to_a_reconcile_that_was_never_made_is_found() {
    let mut evidence = after_doubt(true);
    evidence.common.ledger.retain(|entry| !matches!(entry, Entry::Reconciled { .. }));
    assert_eq!(check(ORDERS, &evidence).found.broken.into_keys().collect::<Vec<_>>(), ["I3"]);
}

#[test]
fn an_outcome_that_the_state_never_followed_is_found() {
    assert_eq!(broken(|e| e.common.log[0].pending = true), ["I1"]);
}

#[test]
fn a_retry_before_its_delay_is_found() {
    let next_claim = |e: &mut Evidence, at| {
        e.common.ledger.push(Entry::Answered { call: 1, at: 2, answer: Some(Answer::Busy) });
        e.common.log.insert(0, entry("RETRY", "handler"));
        e.common.stored[0].retries = 1;
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
    let hurried = (0..).map(|n| ORDERS.of(n)).find(|order| order.hurried).unwrap();
    let late = |at| {
        let claim = Change { at, ..sound().changes[0].clone() };
        let body = serde_json::to_string(&hurried.body()).unwrap();
        let stored =
            Stored { body, idem_key: hurried.idem_key(), ..sound().common.stored[0].clone() };
        let common = check::Evidence { stored: vec![stored], ..check::Evidence::default() };
        let evidence = Evidence { common, changes: vec![claim], ..Evidence::default() };
        check(ORDERS, &evidence).found.broken.contains_key("I7")
    };
    assert!(!late(1_600_000));
    assert!(late(1_800_000));
}

#[test]
fn a_changed_body_that_was_not_refused_is_found() {
    let changed =
        (0..).map(|n| ORDERS.of(n)).find(|order| order.repeat == Repeat::Changed).unwrap();
    let (order, op_id) = (changed.number, OP.to_owned());
    let body = serde_json::to_string(&changed.body()).unwrap();
    let stored = Stored { body, idem_key: changed.idem_key(), ..sound().common.stored[0].clone() };
    let (told, stored) = (vec![(order, op_id.clone())], vec![stored]);
    let common = check::Evidence { told, stored, ..check::Evidence::default() };
    let mut evidence = Evidence { common, ..Evidence::default() };
    let unrefused = |evidence: &Evidence| {
        let findings = check(ORDERS, evidence).found.findings;
        findings.iter().any(|finding| finding.contains("was not refused"))
    };
    assert!(unrefused(&evidence));
    evidence.lines.push(Line::Refused { order, op_id });
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
fn an_equal_request_that_was_refused_is_found() {
    let order = order(Product::Charge).number;
    let refused = Line::Conflict { order, op_id: OP.into(), lane: 0 };
    assert_eq!(broken(|e| e.lines.push(refused)), ["I6"]);
}

#[test]
fn a_changed_body_that_was_accepted_is_found() {
    let fooled = Line::Fooled { order: order(Product::Charge).number, op_id: OP.into() };
    assert_eq!(broken(|e| e.lines.push(fooled)), ["I6"]);
}

#[test]
fn a_lease_that_is_taken_early_is_found() {
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

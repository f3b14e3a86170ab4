//! I10.

use orch_lab::check::sample::{call, receipt};

use super::*;

/// The order with the `nth` key for one seat.
fn order(nth: u64) -> Order {
    super::order(Product::Seat).with_key(nth)
}

fn id(nth: u64) -> String {
    format!("{nth:032x}")
}

fn change(what: &str, nth: u64) -> Change {
    Change { what: what.into(), op_id: id(nth), ..sound().changes[2].clone() }
}

fn stored(nth: u64, status: &str) -> Stored {
    let failure = r#"{"code":"DECLINED","uncertain":false,"called":true}"#;
    Stored {
        op_id: id(nth),
        idem_key: order(nth).idem_key(),
        event: Product::Seat.event().into(),
        body: serde_json::to_string(&order(nth).body()).unwrap(),
        status: status.into(),
        failure: (status == "FAILED").then(|| failure.into()),
        ..sound().common.stored[0].clone()
    }
}

fn taken(nth: u64, by: u64) -> Line {
    Line::Taken { order: order(nth).number, op_id: id(by) }
}

fn told(nth: u64) -> Line {
    Line::Told { order: order(nth).number, op_id: id(nth), lane: 0 }
}

/// The first was declined, which made room for the second; the third was refused for either.
fn declined_and_made_free() -> Evidence {
    let mut evidence = sound();
    evidence.common.stored = vec![stored(0, "FAILED"), stored(1, "COMPLETED")];
    evidence.changes = vec![change("made", 0), change("letter", 0), change("made", 1)];
    evidence.lines = vec![told(0), taken(2, 0), taken(1, 0), told(1), taken(2, 1)];
    evidence.common.ledger = vec![acted(1)];
    evidence
}

fn acted(nth: u64) -> Entry {
    let receipt = receipt("receipt-9", order(nth).amount);
    Entry::Act { call: 1, order_id: order(nth).number, key: format!("key-{nth}"), receipt }
}

/// What I10 says of it, spoiled.
fn said(spoil: impl FnOnce(&mut Evidence)) -> Vec<String> {
    let mut evidence = declined_and_made_free();
    spoil(&mut evidence);
    let findings = check(ORDERS, &evidence).found.findings;
    findings.into_iter().filter_map(|it| Some(it.strip_prefix("I10: ")?.to_owned())).collect()
}

#[track_caller]
fn says(part: &str, spoil: impl FnOnce(&mut Evidence)) {
    let said = said(spoil);
    assert!(said.len() == 1 && said[0].contains(part), "{said:?}");
}

#[test]
fn one_after_the_other_is_right() {
    assert_eq!(said(|_| {}), [""; 0]);
    let counts = check(ORDERS, &declined_and_made_free()).seats;
    assert_eq!((counts["seats"], counts["seats_made_free"], counts["seats_refused"]), (1, 1, 3));
}

#[test]
fn a_second_one_beside_one_that_has_not_failed_is_found() {
    says("beside", |e| e.changes.swap(1, 2));
    says("the audit saw 1", |e| drop(e.changes.remove(0)));
}

#[test]
fn two_effects_for_one_seat_are_found() {
    assert_eq!(said(|e| e.common.ledger.push(acted(0))), [""; 0], "I3 has that one");
    says("was paid by", |e| {
        let uncertain = r#"{"code":"DECLINED","uncertain":true,"called":true}"#;
        e.common.stored[0].failure = Some(uncertain.into());
        e.common.ledger.extend([Entry::Call(call_of(0)), acted(0)]);
    });
}

fn call_of(nth: u64) -> orch_lab::ledger::Call {
    match call(1, order(nth).body()) {
        Entry::Call(call) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_for_what_is_not_there_or_its_own_is_found() {
    says("not another's", |e| e.lines[1] = taken(2, 7));
    says("not another's", |e| e.lines[2] = taken(1, 1));
}

#[test]
fn one_that_is_refused_for_ever_is_found() {
    let stuck = Line::Stuck { order: order(2).number, op_id: id(0) };
    says("had failed before it asked", |e| e.lines.insert(2, stuck));
    says("which failed", |e| drop(e.lines.pop()));
}

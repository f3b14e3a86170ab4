//! I12: what the provider tells by itself.

use orch_lab::check::sample::receipt;

use super::*;
use crate::evidence::Kept;
use crate::message::{About, Message, Noted, Says};

/// A charge that was completed by a message while its call was out.
fn told() -> Evidence {
    let mut evidence = sound();
    let amount = order(Product::Charge).amount;
    let says = Says::Happened { receipt: receipt("receipt-1", amount) };
    evidence.messages = vec![message(1, says)];
    evidence.noted = vec![noted(1, "applied")];
    evidence.kept = vec![kept("OK", true)];
    evidence.common.log[0].source = "provider".into();
    evidence
}

fn message(id: u64, says: Says) -> Message {
    let order_id = order(Product::Charge).number;
    let (op_id, about) = (OP.to_owned(), About::Ours);
    Message { id, written_at: 1, due_at: 1, to: 0, order_id, about, op_id, says }
}

fn noted(id: u64, told: &str) -> Noted {
    Noted { id, at: 3, told: told.into() }
}

fn kept(outcome: &str, has_receipt: bool) -> Kept {
    let order = order(Product::Charge);
    let output = serde_json::to_string(&receipt("receipt-1", order.amount)).unwrap();
    Kept {
        provider: "CHAOS".into(),
        account: String::new(),
        reference: format!("ORDER-{}", order.number),
        outcome: outcome.into(),
        output: has_receipt.then_some(output),
        source: "webhook 1".into(),
        waits: false,
        op_id: Some(OP.into()),
    }
}

fn broken_by(spoil: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = told();
    spoil(&mut evidence);
    check(ORDERS, &evidence).found.broken.into_keys().collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_message_that_ends_an_operation_is_as_good_as_an_answer() {
    assert_eq!(broken_by(|_| ()), NONE);
    assert_eq!(broken_by(|e| e.messages[0].written_at = 4), ["I3"], "it was logged before");
    assert_eq!(broken_by(|e| e.messages[0].says = Says::Refused), ["I12", "I3"]);
}

#[test]
fn a_message_that_is_gone_refused_or_never_recorded_is_found() {
    assert_eq!(broken_by(|e| e.kept.clear()), ["I12"]);
    assert_eq!(broken_by(|e| e.noted[0].told = "no room".into()), ["I12"]);
    assert_eq!(broken_by(|e| e.noted.clear()), ["I12"]);
    assert_eq!(broken_by(|e| e.kept.push(kept("OK", true))), ["I12"], "twice the same");
}

#[test]
fn a_message_that_waits_has_no_operation_and_is_listed() {
    let waits = |op_id: Option<&'static str>, listed: bool| {
        broken_by(move |e| {
            e.messages.push(message(2, Says::NotHappened));
            e.noted.push(noted(2, "kept"));
            let (op_id, source) = (op_id.map(str::to_owned), "webhook 2".to_owned());
            let outcome = "NOT_HAPPENED".to_owned();
            let waiting = Kept { waits: true, op_id, source, outcome, ..kept("", false) };
            e.kept.push(waiting);
            e.unmatched.extend(listed.then(|| "webhook 2".to_owned()));
        })
    };
    assert_eq!(waits(None, true), NONE);
    assert_eq!(waits(None, false), ["I12"]);
    assert_eq!(waits(Some(OP), true), ["I12"]);
}

#[test]
fn an_effect_or_a_refusal_that_was_told_and_is_not_in_the_log_is_found() {
    let also = |says: Says, outcome: &'static str| {
        broken_by(move |e| {
            e.messages.push(message(2, says));
            e.noted.push(noted(2, "late"));
            e.kept.push(kept(outcome, false));
        })
    };
    assert_eq!(also(Says::Refused, "FAIL"), ["I12"]);
    assert_eq!(also(Says::NotHappened, "NOT_HAPPENED"), NONE);
}

#[test]
fn what_is_listed_as_contradicted_was_so_and_the_other_way_round() {
    let listed = |e: &mut Evidence| e.divergent.extend([OP.to_owned()]);
    assert_eq!(broken_by(listed), ["I12"]);
    let refused = |e: &mut Evidence| {
        listed(e);
        let answer = Some(Answer::Declined);
        e.common.ledger.push(Entry::Answered { call: 1, at: 2, answer });
    };
    assert_eq!(broken_by(refused), NONE);
    // An uncertain failure, and behind it the message that it has happened.
    let failed_then_told = |listed: bool| {
        broken_by(|e| {
            let act = e.common.ledger[1].clone();
            failed(e, "ATTEMPTS_EXHAUSTED", true, "IN_DOUBT", "engine");
            e.common.ledger.push(act);
            e.common.log.push(Logged { late: true, ..entry("OK", "provider") });
            e.divergent.extend(listed.then(|| OP.to_owned()));
        })
    };
    let other = "I1";
    assert_eq!(failed_then_told(true), [other], "one attempt, not fifteen");
    assert_eq!(failed_then_told(false), [other, "I12"]);
}

/// The operation is taken from the worker that has its lease, under this fence.
fn taken_over(count: i64, source: &str) -> Vec<&'static str> {
    let claim_id = 7;
    broken_by(|e| {
        let fence = Some((count << CLAIM_ID_BITS) + claim_id);
        e.changes[1].fence = fence;
        e.changes[1].detail = Some(source.into());
        let early = Change { what: "early".into(), ..e.changes[0].clone() };
        let raised = Change {
            what: "fence".into(),
            fence,
            old_fence: Some(1),
            worker: None,
            ..early.clone()
        };
        e.changes.splice(2..2, [raised, early]);
    })
}

#[test]
fn a_message_takes_an_operation_from_its_worker_under_the_next_fence() {
    assert_eq!(taken_over(1, "provider"), NONE);
    assert_eq!(taken_over(2, "provider"), ["I8"]);
    assert_eq!(taken_over(1, "handler"), ["I7", "I8"]);
}

/// A call whose answer was lost, a message that nothing has happened, and another call that is answered.
fn believed(product: Product, doubts: usize) -> Vec<&'static str> {
    let order = order(product);
    let mut evidence = Evidence { common: check::sample::sound(order.body()), ..sound() };
    let common = &mut evidence.common;
    common.stored[0].event = order.product.event().into();
    common.stored[0].lost = i64::try_from(doubts).unwrap();
    let doubt = Logged { logged_at: 0, ..entry("IN_DOUBT", "engine") };
    common.log.splice(0..0, vec![doubt; doubts]);
    common.log.insert(doubts, entry("NOT_HAPPENED", "provider"));
    let says = Says::NotHappened;
    evidence.messages = vec![Message { order_id: order.number, ..message(1, says) }];
    evidence.noted = vec![noted(1, "applied")];
    let reference = format!("ORDER-{}", order.number);
    evidence.kept = vec![Kept { reference, ..kept("NOT_HAPPENED", false) }];
    check(ORDERS, &evidence).found.broken.into_keys().collect()
}

#[test]
fn that_nothing_has_happened_is_never_believed() {
    assert_eq!(believed(Product::Charge, 1), ["I12"], "it may be older than the call");
    assert_eq!(believed(Product::Charge, 2), ["I12"], "about which of the two?");
    assert_eq!(believed(Product::KeepsSuccesses, 1), ["I12"], "the provider is asked");
}

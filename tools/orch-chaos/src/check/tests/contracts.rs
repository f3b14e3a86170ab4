//! I11, and I5 of the kind whose key may change.

use orch_lab::check::sample::{logged as entry, receipt};

use super::*;
use crate::evidence::belated;

/// An operation of this kind, called once, answered and completed.
fn completed(product: Product) -> Evidence {
    let order = order(product);
    let mut evidence = Evidence { common: check::sample::sound(order.body()), ..sound() };
    evidence.common.stored[0].event = order.product.event().into();
    evidence
}

fn broken_in(product: Product, spoil: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = completed(product);
    spoil(&mut evidence);
    evidence.belated = belated::set_apart(ORDERS, &mut evidence.common);
    check(ORDERS, &evidence).found.broken.into_keys().collect()
}

const NONE: [&str; 0] = [];

/// A second effect, of a call that is numbered so.
fn acts_again(e: &mut Evidence, call: u64) {
    let Entry::Act { order_id, key, receipt: given, .. } = e.common.ledger[1].clone() else {
        panic!("the act is the second entry")
    };
    let receipt = receipt("receipt-2", given.amount);
    e.common.ledger.push(Entry::Act { call, order_id, key, receipt });
}

/// A second call, of which the provider had said before that it had not happened.
fn calls_belatedly(e: &mut Evidence) {
    let Entry::Call(mut call) = e.common.ledger[0].clone() else { panic!("a call comes first") };
    (call.call, call.belated) = (2, true);
    e.common.ledger.push(Entry::Call(call));
    e.common.stored[0].lost = 1;
    e.common.log.insert(0, Logged { logged_at: 0, ..entry("IN_DOUBT", "engine") });
    e.common.log.insert(1, entry("NOT_HAPPENED", "reconcile"));
    let Entry::Act { order_id, key, .. } = e.common.ledger[1].clone() else { panic!() };
    e.common.ledger.push(Entry::Reconciled { order_id, key, answer: Answer::NotHappened });
}

#[test]
fn each_kind_has_one_effect_if_it_is_completed() {
    for product in Product::CONTRACTS {
        assert_eq!(broken_in(product, |_| ()), NONE, "{product:?}");
        let twice = broken_in(product, |e| acts_again(e, 1));
        assert!(twice.contains(&"I11"), "{product:?}: {twice:?}");
        let none = broken_in(product, |e| drop(e.common.ledger.remove(1)));
        assert!(none.contains(&"I11"), "{product:?}: {none:?}");
    }
}

#[test]
fn a_certain_failure_has_no_effect_and_an_uncertain_one_may_have_one() {
    let failed = |uncertain, acts: bool| {
        broken_in(Product::ActsFailed, |e| {
            let act = e.common.ledger[1].clone();
            super::failed(e, "IN_DOUBT", uncertain, "IN_DOUBT", "handler");
            e.common.ledger.extend(acts.then_some(act));
        })
    };
    assert_eq!(failed(true, true), NONE);
    assert_eq!(failed(true, false), NONE);
    assert!(failed(false, true).contains(&"I11"));
}

#[test]
fn the_effect_of_a_belated_call_is_set_apart_where_there_are_no_keys() {
    let late = |product| {
        broken_in(product, |e| {
            calls_belatedly(e);
            acts_again(e, 2);
        })
    };
    assert_eq!(late(Product::Acts), NONE);
    assert!(late(Product::KeepsSuccesses).contains(&"I11"));
    let two = broken_in(Product::Acts, |e| {
        calls_belatedly(e);
        acts_again(e, 2);
        acts_again(e, 1);
    });
    assert!(two.contains(&"I11"), "one belated call excuses one effect");
}

#[test]
fn a_belated_effect_that_is_the_outcome_stays_and_the_other_one_goes() {
    let mut evidence = completed(Product::Acts);
    calls_belatedly(&mut evidence);
    acts_again(&mut evidence, 2);
    let amount = order(Product::Acts).amount;
    evidence.common.stored[0].output =
        Some(serde_json::to_string(&receipt("receipt-2", amount)).unwrap());
    let excused = belated::set_apart(ORDERS, &mut evidence.common);
    assert_eq!(excused[&order(Product::Acts).number], 1);
    let acts = evidence.common.ledger.iter().filter_map(|entry| match entry {
        Entry::Act { call, .. } => Some(*call),
        _ => None,
    });
    assert_eq!(acts.collect::<Vec<_>>(), [2]);
}

/// The first attempt ended so; the second call has another key.
fn renewed(outcome: &'static str, answer: Answer) -> Vec<&'static str> {
    broken_in(Product::KeepsEverything, |e| {
        let Entry::Call(call) = e.common.ledger[0].clone() else { panic!("a call comes first") };
        let mut first = call.clone();
        (first.call, first.request.key) = (9, "first".into());
        let mut second = call;
        second.request.attempt = 2;
        let answered = Entry::Answered { call: 9, at: 2, answer: Some(answer) };
        e.common.ledger.splice(0..1, [Entry::Call(first), answered, Entry::Call(second)]);
        e.common.log[0].attempt = 2;
        e.common.log.insert(0, entry(outcome, "handler"));
        let stored = &mut e.common.stored[0];
        (stored.retries, stored.lost) =
            (i64::from(outcome == "RETRY"), i64::from(outcome != "RETRY"));
    })
}

#[test]
fn a_key_is_given_up_behind_definite_errors_only() {
    assert_eq!(renewed("RETRY", Answer::Busy), NONE);
    assert_eq!(renewed("IN_DOUBT", Answer::Busy), ["I5"]);
}

#[test]
fn who_was_told_that_it_was_done_already_does_not_call_again() {
    let again = |e: &mut Evidence| {
        e.common.log.insert(0, entry("ALREADY_DONE", "handler"));
        e.common.stored[0].lost = 1;
        e.common.ledger.push(Entry::Answered { call: 1, at: 2, answer: Some(Answer::Duplicate) });
    };
    assert_eq!(broken_in(Product::Refuses, again), ["I1"]);
}

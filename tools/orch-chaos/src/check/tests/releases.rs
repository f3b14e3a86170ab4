//! Each rule about two releases, broken once.

use orch_lab::check::sample::call;
use orch_lab::ledger::{Entry, Receipt};

use super::*;
use crate::release::{Slip, fee};

const ROLLING: Orders = Orders { seed: 1, rolling: true };

/// The first order of this product, with or without a word in the new field.
fn order(product: Product, says_more: bool) -> Order {
    let is_it = |order: &Order| order.product == product && order.says_more == says_more;
    (0..).map(|number| ROLLING.of(number)).find(is_it).unwrap()
}

/// An order that a worker of this release has run.
fn sound(product: Product, release: Release) -> Evidence {
    let order = order(product, false);
    let mut e = Evidence { common: check::sample::sound(order.body()), ..super::sound() };
    e.releases = [(1, release)].into();
    let stored = &mut e.common.stored[0];
    stored.event = product.event().into();
    if (product, release) == (Product::OutputChanged, Release::New) {
        let given: Receipt = serde_json::from_str(stored.output.as_deref().unwrap()).unwrap();
        stored.output = serde_json::to_string(&Slip::from(given)).ok();
    }
    if release.has_hook(product) {
        e.bookings.push((order.number.cast_signed(), order.amount.cast_signed()));
    }
    if order.repeat == Repeat::Changed {
        e.lines.push(Line::Refused { order: order.number, op_id: OP.into() });
    }
    e
}

fn broken(
    product: Product,
    release: Release,
    spoil: impl FnOnce(&mut Evidence),
) -> Vec<&'static str> {
    let mut evidence = sound(product, release);
    spoil(&mut evidence);
    check(ROLLING, &evidence).found.broken.into_keys().collect()
}

/// The same operation once more in the hands of the second worker, which is of this release: the
/// first one's attempt is in doubt.
fn again(e: &mut Evidence, release: Release, body: Body) {
    e.releases.insert(2, release);
    e.common.stored[0].lost = 1;
    let lost = entry("IN_DOUBT", "handler");
    let mut second = entry("OK", "handler");
    (second.attempt, second.worker) = (2, Some("w2-b".into()));
    e.common.log = vec![lost, second];
    let Entry::Call(mut call) = call(2, body) else { panic!("it is a call") };
    (call.request.attempt, call.request.worker) = (2, 2);
    e.common.ledger.push(Entry::Call(call));
}

#[test]
fn what_is_sound_in_either_release_breaks_no_rule() {
    for product in Product::CHANGED {
        for release in [Release::Old, Release::New] {
            let found = check(ROLLING, &sound(product, release)).found;
            assert_eq!(found.findings, Vec::<String>::new(), "{product:?} {release:?}");
        }
    }
}

#[test]
fn what_is_parked_is_found() {
    let parked = |e: &mut Evidence| {
        e.common.stored[0].status = "IN_PROGRESS".into();
        e.common.stored[0].phase = Some("parked".into());
    };
    assert!(broken(Product::FieldAdded, Release::New, parked).contains(&"R1"));
}

#[test]
fn a_hook_that_was_skipped_or_was_not_owed_is_found() {
    assert_eq!(broken(Product::HookAdded, Release::New, |e| e.bookings.clear()), ["R2"]);
    let order = order(Product::HookAdded, false);
    let booked = (order.number.cast_signed(), order.amount.cast_signed());
    assert_eq!(broken(Product::HookAdded, Release::Old, |e| e.bookings.push(booked)), ["R2"]);
    let skipped = |e: &mut Evidence| e.bookings.clear();
    assert_eq!(broken(Product::OutputChanged, Release::Old, skipped), ["R2"]);
}

#[test]
fn a_call_without_the_hook_that_doubt_owes_is_found() {
    let body = order(Product::HookAdded, false).body();
    let by_old = |e: &mut Evidence| again(e, Release::Old, body);
    assert!(broken(Product::HookAdded, Release::New, by_old).contains(&"R2"));
    let by_new = |e: &mut Evidence| again(e, Release::New, body);
    assert!(!broken(Product::HookAdded, Release::New, by_new).contains(&"R2"));
    // An old one took it and died before it could give it back: it has not called.
    let dead = |e: &mut Evidence| {
        again(e, Release::Old, body);
        e.common.ledger.pop();
        (e.common.log[1].outcome, e.common.log[1].source) = ("IN_DOUBT".into(), "engine".into());
    };
    assert!(!broken(Product::HookAdded, Release::New, dead).contains(&"R2"));
}

#[test]
fn an_equal_request_that_was_refused_is_found() {
    let number = order(Product::OptionAdded, false).number;
    let refused = |lane| Line::Conflict { order: number, op_id: OP.into(), lane };
    for lane in [0, 1] {
        let of = |e: &mut Evidence| e.lines.push(refused(lane));
        assert_eq!(broken(Product::OptionAdded, Release::New, of), ["R3"], "{lane}");
    }
    // A new client has stored more than an old one knows, so it cannot be told that it is the same.
    let more = |lane| {
        move |e: &mut Evidence| {
            let body = e.common.stored[0].body.replace('}', r#","coupon":""}"#);
            e.common.stored[0].body = body;
            e.lines.push(refused(lane));
        }
    };
    assert_eq!(broken(Product::OptionAdded, Release::New, more(0)), Vec::<&str>::new());
    assert_eq!(
        broken(Product::OptionAdded, Release::New, more(1)),
        ["R3"],
        "a new client knows it"
    );
}

#[test]
fn a_result_that_is_not_the_one_that_was_kept_is_found() {
    let spoilt = |with: fn(u64) -> String| {
        move |e: &mut Evidence| {
            let output = e.common.stored[0].output.take().unwrap();
            let amount = order(Product::OutputChanged, false).amount;
            e.common.stored[0].output = Some(output.replace(&with(amount), ""));
        }
    };
    let no_fee = spoilt(|amount| format!(r#","fee":{}"#, fee(amount)));
    assert_eq!(broken(Product::OutputChanged, Release::New, no_fee), ["R4"]);
    let no_receipt = spoilt(|_| r#""receipt_id":"receipt-1","#.into());
    assert!(broken(Product::OutputChanged, Release::Old, no_receipt).contains(&"R4"));
}

#[test]
fn a_field_that_an_old_worker_has_dropped_is_found() {
    let more = |e: &mut Evidence| {
        let body = e.common.stored[0].body.replace('}', r#","note":"gift"}"#);
        e.common.stored[0].body = body;
    };
    assert_eq!(broken(Product::FieldAdded, Release::Old, more), ["R5"]);
    assert_eq!(broken(Product::FieldAdded, Release::New, more), Vec::<&str>::new());
}

#[test]
fn a_second_run_where_the_provider_has_to_be_asked_is_found() {
    let body = order(Product::ReconcileAdded, false).body();
    for (first, second, is_wrong) in [
        (Release::New, Release::New, true),
        (Release::New, Release::Old, true),
        (Release::Old, Release::New, true),
        (Release::Old, Release::Old, false),
    ] {
        let found = broken(Product::ReconcileAdded, first, |e| again(e, second, body));
        assert_eq!(found.contains(&"R6"), is_wrong, "{first:?} {second:?}");
    }
}

#[test]
fn each_release_has_its_own_attempts() {
    let spent = |e: &mut Evidence| {
        super::failed(e, "ATTEMPTS_EXHAUSTED", false, "RETRY", "handler");
        e.common.stored[0].retries = 2;
        let mut second = entry("RETRY", "handler");
        second.attempt = 2;
        e.common.log.push(second);
    };
    assert!(!broken(Product::AttemptsChanged, Release::Old, spent).contains(&"I1"));
    assert!(broken(Product::AttemptsChanged, Release::New, spent).contains(&"I1"));
}

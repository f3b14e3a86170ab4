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
    if product == Product::IdentityChanged {
        e.changes.push(made(OP));
    }
    if order.repeat == Repeat::Changed {
        e.lines.push(Line::Refused { order: order.number, op_id: OP.into() });
    }
    e
}

fn made(op_id: &str) -> Change {
    let (op_id, what) = (op_id.into(), "made".into());
    Change { at: 1, what, op_id, fence: None, old_fence: None, worker: None, detail: None }
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

/// What a request in the second form of the identity was answered.
fn later(op_id: &str) -> Line {
    let order = order(Product::IdentityChanged, false).number;
    Line::LaterForm { order, op_id: op_id.into() }
}

/// Another order of the kind, sound, as this operation.
fn another(e: &mut Evidence, op_id: &str) -> Order {
    let first = order(Product::IdentityChanged, false).number;
    let is_it = |it: &Order| it.product == Product::IdentityChanged && it.repeat == Repeat::Never;
    let other = (first + 1..).map(|number| ROLLING.of(number)).find(is_it).unwrap();
    let mut common = check::sample::sound(other.body()).stored.remove(0);
    common.op_id = op_id.into();
    common.event = other.product.event().into();
    e.common.stored.push(common);
    e.changes.push(made(op_id));
    other
}

const OTHER: &str = "0000000000000000000000000000000b";

#[test]
fn an_order_in_two_forms_is_found() {
    let of = |spoil: fn(&mut Evidence)| broken(Product::IdentityChanged, Release::New, spoil);
    let twice = |e: &mut Evidence| {
        let biz_key = order(Product::IdentityChanged, false).later_biz_key();
        let op_id = OTHER.into();
        e.common.stored.push(Stored { op_id, biz_key, ..e.common.stored[0].clone() });
        e.changes.push(made(OTHER));
    };
    assert!(of(twice).contains(&"R7"));
    assert_eq!(of(|e| e.lines.push(later(OTHER))), ["R7"], "a client was told of another one");
    assert_eq!(of(|e| e.common.stored[0].biz_key = "ELSE".into()), ["R7"], "in neither form");
    assert_eq!(of(|e| e.changes.retain(|change| change.what != "made")), ["R7"], "not audited");
    let paid_twice = |e: &mut Evidence| {
        let is_act = |entry: &&Entry| matches!(entry, Entry::Act { .. });
        let act = e.common.ledger.iter().find(is_act).cloned();
        e.common.ledger.extend(act);
    };
    assert!(of(paid_twice).contains(&"R7"));
    // Other kinds have one form.
    let elsewhere = |e: &mut Evidence| e.common.stored[0].biz_key = "ELSE".into();
    assert_eq!(broken(Product::HookAdded, Release::New, elsewhere), Vec::<&str>::new());
}

#[test]
fn an_accept_in_the_first_form_after_the_second_is_found() {
    let with = |first_is_later: bool| {
        broken(Product::IdentityChanged, Release::New, move |e| {
            let other = another(e, OTHER);
            let order = order(Product::IdentityChanged, false);
            if first_is_later {
                e.common.stored[0].biz_key = order.later_biz_key();
            } else {
                e.common.stored[1].biz_key = other.later_biz_key();
            }
        })
    };
    assert!(with(true).contains(&"R7"));
    assert!(!with(false).contains(&"R7"));
}

#[test]
fn what_was_found_across_forms_and_refused_is_counted() {
    let mut e = sound(Product::IdentityChanged, Release::Old);
    let number = order(Product::IdentityChanged, false).number;
    e.lines.extend([later(OP), later(OP), Line::OtherForm { order: number }]);
    let counts = check(ROLLING, &e).releases;
    let of = |what| counts.get(what).copied();
    assert_eq!((of("found_across_forms"), of("refused_in_the_old_form")), (Some(1), Some(1)));
    e.common.stored[0].biz_key = order(Product::IdentityChanged, false).later_biz_key();
    let counts = check(ROLLING, &e).releases;
    assert_eq!(counts.get("found_across_forms"), None, "it is in that form itself");
}

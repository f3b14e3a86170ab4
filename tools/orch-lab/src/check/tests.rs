//! The comparison is code that must be able to fail: each rule is broken once.

use super::sample::{logged as entry, receipt, sound};
use super::*;

const ORDER: u64 = 7;
const AMOUNT: u64 = 500;
const BODY: Body = Body { order_id: ORDER, amount: AMOUNT };

fn call(call: u64) -> Entry {
    sample::call(call, BODY)
}

fn act(receipt_id: &str, amount: u64) -> Entry {
    Entry::Act { call: 1, order_id: ORDER, key: "key".into(), receipt: receipt(receipt_id, amount) }
}

fn checked(spoil: impl FnOnce(&mut Evidence)) -> Verdict {
    let mut evidence = sound(BODY);
    spoil(&mut evidence);
    check(&evidence, |stored, _| stored.event == "PAYOUT", |_| false)
}

fn broken(spoil: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    checked(spoil).broken.into_keys().collect()
}

const NONE: [&str; 0] = [];

fn without_acts(e: &mut Evidence) {
    e.ledger.truncate(1);
}

fn failed(e: &mut Evidence, uncertain: bool) {
    let stored = &mut e.stored[0];
    (stored.status, stored.output) = ("FAILED".into(), None);
    let failure = format!(r#"{{"code":"DECLINED","uncertain":{uncertain},"called":true}}"#);
    stored.failure = Some(failure);
    e.log = vec![entry("FAIL", "handler")];
}

fn unfinished(e: &mut Evidence, phase: &str) {
    let stored = &mut e.stored[0];
    (stored.status, stored.phase) = ("IN_PROGRESS".into(), Some(phase.into()));
    stored.output = None;
}

#[test]
fn what_is_sound_breaks_no_rule() {
    let verdict = checked(|_| ());
    assert_eq!(verdict.findings, Vec::<String>::new());
    assert_eq!((verdict.accepted, verdict.completed, verdict.calls), (1, 1, 1));
    assert_eq!((verdict.money_in_store, verdict.money_in_ledger), (AMOUNT, AMOUNT));
}

#[test]
fn money_that_moved_twice_is_found_whatever_its_key() {
    let twice = checked(|e| e.ledger.push(act("receipt-2", AMOUNT)));
    assert_eq!((twice.charged_twice, twice.broken.contains_key("I9")), (1, true));
    assert_eq!(twice.money_in_ledger, 2 * AMOUNT);
    let other_key = |e: &mut Evidence| {
        let receipt = receipt("receipt-2", AMOUNT);
        e.ledger.push(Entry::Act { call: 1, order_id: ORDER, key: "other".into(), receipt });
    };
    assert_eq!(checked(other_key).charged_twice, 1);
}

#[test]
fn a_success_that_was_not_given_as_it_says_is_found() {
    assert_eq!(broken(without_acts), ["I3", "I9"], "completed, and nothing moved");
    let spoiled = |receipt_id: &'static str, amount| {
        broken(move |e| {
            without_acts(e);
            e.ledger.push(act(receipt_id, amount));
        })
    };
    assert_eq!(spoiled("receipt-1", AMOUNT), NONE);
    assert_eq!(spoiled("receipt-1", AMOUNT + 1), ["I3", "I9"]);
    assert_eq!(spoiled("receipt-9", AMOUNT), ["I3"]);
    assert!(broken(|e| e.stored[0].output = None).contains(&"I3"));
}

#[test]
fn a_certain_failure_behind_which_money_moved_is_found() {
    assert_eq!(broken(|e| failed(e, false)), ["I3", "I9"]);
    let verdict = checked(|e| {
        without_acts(e);
        failed(e, false);
    });
    assert_eq!((verdict.holds(), verdict.failed["DECLINED"]), (true, 1));
}

#[test]
fn an_uncertain_failure_is_counted_apart_and_explains_its_charge() {
    let verdict = checked(|e| failed(e, true));
    assert_eq!((verdict.uncertain, verdict.uncertain_done), (1, 1));
    assert!(verdict.holds(), "{:?}", verdict.findings);
    let undone = checked(|e| {
        without_acts(e);
        failed(e, true);
    });
    assert_eq!((undone.uncertain, undone.uncertain_done), (1, 0));
}

#[test]
fn a_failure_that_says_it_was_not_called_and_was_is_found() {
    let uncalled = broken(|e| {
        without_acts(e);
        failed(e, false);
        let letter = &mut e.stored[0].failure;
        *letter = letter.as_ref().map(|letter| letter.replace("true", "false"));
    });
    assert_eq!(uncalled, ["I3"]);
    assert!(broken(|e| e.stored[0].failure = Some("?".into())).contains(&"I3"));
}

#[test]
fn an_operation_that_is_gone_is_lost_and_its_charge_is_a_strangers() {
    let verdict = checked(|e| e.stored.clear());
    assert_eq!((verdict.lost, verdict.broken["I1"]), (1, 2));
    assert!(verdict.money_in_ledger > verdict.money_in_store);
}

#[test]
fn an_operation_without_an_end_is_lost_unless_it_may_be_parked() {
    assert_eq!(checked(|e| unfinished(e, "waiting")).lost, 1);
    assert_eq!(checked(|e| unfinished(e, "parked")).lost, 1);
    let parked = checked(|e| {
        unfinished(e, "parked");
        e.stored[0].event = "PAYOUT".into();
    });
    assert_eq!((parked.parked, parked.lost, parked.holds()), (1, 0, true));
}

#[test]
fn a_second_operation_and_one_that_no_client_knows_are_found() {
    let second = |e: &mut Evidence| {
        let op_id = "0000000000000000000000000000000b".into();
        e.stored.push(Stored { op_id, ..e.stored[0].clone() });
    };
    assert!(broken(second).contains(&"I6"));
    assert_eq!(broken(|e| e.told.push((ORDER, "b".into()))), ["I6"]);
    assert_eq!(broken(|e| e.told.clear()), ["I6"]);
    assert_eq!(broken(|e| e.stored[0].body = "{}".into()), ["I1", "I6", "I9"]);
}

#[test]
fn another_key_for_the_same_order_and_an_order_of_two_keys_are_found() {
    let other = |e: &mut Evidence| {
        let Entry::Call(call) = &mut e.ledger[0] else { panic!("a call comes first") };
        call.request.key = "other".into();
    };
    assert_eq!(broken(other), ["I5"]);
    let shared = |e: &mut Evidence| {
        let (order_id, key) = (ORDER + 1, "key".into());
        e.ledger.push(Entry::Reconciled { order_id, key, answer: Answer::Unanswered });
    };
    assert_eq!(broken(shared), ["I5"]);
}

#[test]
fn calls_are_bounded_by_retries_and_lost_attempts() {
    let verdict = checked(|e| e.ledger.extend([call(2), call(3)]));
    assert_eq!((verdict.calls_beyond_bound, verdict.calls, verdict.repeated_calls), (1, 3, 2));
    let counted = |retries, lost| {
        checked(move |e| {
            e.ledger.extend([call(2), call(3)]);
            e.log.splice(0..0, [entry("RETRY", "handler"), entry("IN_DOUBT", "engine")]);
            (e.stored[0].retries, e.stored[0].lost) = (retries, lost);
        })
    };
    assert_eq!(counted(1, 1).findings, Vec::<String>::new());
    assert_eq!(counted(1, 0).calls_beyond_bound, 1);
    assert_eq!(broken(|e| e.stored[0].retries = 1), ["I4"], "the log has none");
}

#[test]
fn a_lease_that_is_left_is_found() {
    assert_eq!(broken(|e| e.stored[0].held = true), ["I7"]);
}

#[test]
fn an_outcome_under_an_old_fence_is_found_although_the_money_is_right() {
    assert_eq!(broken(|e| e.stored[0].fence = 2), ["I8"]);
}

#[test]
fn still_running_is_a_retry_and_lost_once_and_done_already_is_lost() {
    let counted = |outcomes: &[&str], retries, lost| {
        broken(|e| {
            let ends = outcomes.iter().map(|outcome| entry(outcome, "handler"));
            e.log.splice(0..0, ends.collect::<Vec<_>>());
            (e.stored[0].retries, e.stored[0].lost) = (retries, lost);
        })
    };
    assert_eq!(counted(&["STILL_RUNNING", "STILL_RUNNING"], 2, 1), NONE);
    assert_eq!(counted(&["IN_DOUBT", "STILL_RUNNING"], 1, 1), NONE);
    assert_eq!(counted(&["STILL_RUNNING", "IN_DOUBT"], 1, 2), NONE);
    assert_eq!(counted(&["ALREADY_DONE", "ALREADY_DONE"], 0, 2), NONE);
    assert_eq!(counted(&["STILL_RUNNING"], 0, 1), ["I4"]);
    assert_eq!(counted(&["ALREADY_DONE"], 0, 0), ["I4"]);
}

#[test]
fn a_key_is_renewed_only_where_the_provider_keeps_errors() {
    let mut evidence = sound(BODY);
    let Entry::Call(call) = &mut evidence.ledger[0] else { panic!("a call comes first") };
    call.request.key = "other".into();
    let renews = |renews| check(&evidence, |_, _| false, |_| renews).holds();
    assert!(renews(true) && !renews(false));
}

use std::sync::Arc;
use std::time::Duration;

use orch_core::policies::Ending;
use orch_core::provider::catalogue::Stripe;
use orch_core::provider::{AnyProvider, Provider};
use orch_testkit::{Answered, Reply, ScriptedProvider, Step};

use crate::contracts::{Acts, DAY, Effects, Everything, Quiet, Refuses, Successes};

const SECOND: Duration = Duration::from_secs(1);

/// What a call that follows this step is answered with the same key: status, code and receipt.
async fn second<P: Provider>(first: Step) -> (u16, Option<String>, Option<String>) {
    let provider = Arc::new(ScriptedProvider::of::<P>().script([first]));
    begin(&provider, b"5").await;
    shown(provider.answer("key", b"5").await)
}

/// Makes a call with the key, and gives it up where it has no answer by then.
async fn begin(provider: &Arc<ScriptedProvider>, body: &'static [u8]) {
    let calls = provider.calls().len();
    let caller = Arc::clone(provider);
    let call = tokio::spawn(async move { caller.answer("key", body).await });
    provider.called(calls + 1).await;
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    call.abort();
}

fn shown(answered: Answered) -> (u16, Option<String>, Option<String>) {
    (answered.status, answered.code, answered.receipt)
}

fn receipt(number: &str) -> (u16, Option<String>, Option<String>) {
    (200, None, Some(number.to_owned()))
}

fn said(status: u16, code: &str) -> (u16, Option<String>, Option<String>) {
    (status, Some(code.to_owned()), None)
}

fn error(status: u16) -> (u16, Option<String>, Option<String>) {
    (status, None, None)
}

#[tokio::test]
async fn everything_is_kept_with_its_errors() {
    assert_eq!(second::<Everything>(Step::Charge).await, receipt("1"));
    assert_eq!(second::<Everything>(Step::ChargeAndError(502)).await, error(502));
    assert_eq!(second::<Everything>(Step::Error(500)).await, error(500));
    assert_eq!(second::<Everything>(Step::Decline).await, said(402, "DECLINED"));
    assert_eq!(second::<Everything>(Step::ChargeAndNeverAnswer).await, receipt("1"));
    assert_eq!(second::<Everything>(Step::Unavailable).await, receipt("1"));
}

#[tokio::test]
async fn effects_are_kept_however_they_were_answered() {
    assert_eq!(second::<Effects>(Step::Charge).await, receipt("1"));
    assert_eq!(second::<Effects>(Step::ChargeAndError(502)).await, receipt("1"));
    assert_eq!(second::<Effects>(Step::Error(500)).await, receipt("1"));
    assert_eq!(second::<Effects>(Step::Decline).await, receipt("1"), "it is a new call");
    assert_eq!(second::<Effects>(Step::ChargeAndNeverAnswer).await, receipt("1"));
}

#[tokio::test]
async fn successes_are_kept_and_behind_all_else_it_acts_again() {
    assert_eq!(second::<Successes>(Step::Charge).await, receipt("1"));
    assert_eq!(second::<Successes>(Step::ChargeAndError(502)).await, receipt("2"));
    assert_eq!(second::<Successes>(Step::ChargeAndNeverAnswer).await, receipt("2"));
    assert_eq!(second::<Successes>(Step::Error(500)).await, receipt("1"));
    assert_eq!(second::<Successes>(Step::Decline).await, receipt("1"));
}

#[tokio::test]
async fn a_used_reference_is_refused_whatever_came_of_it() {
    for first in [
        Step::Charge,
        Step::ChargeAndError(502),
        Step::Error(500),
        Step::Decline,
        Step::ChargeAndNeverAnswer,
        Step::ChargeSlowly(SECOND),
    ] {
        assert_eq!(second::<Refuses>(first).await, said(409, "ALREADY_PAID"), "{first:?}");
    }
}

#[tokio::test]
async fn without_keys_it_acts_again() {
    assert_eq!(second::<Acts>(Step::Charge).await, receipt("2"));
    assert_eq!(second::<Acts>(Step::ChargeAndNeverAnswer).await, receipt("2"));
}

#[tokio::test]
async fn while_a_call_is_at_work_another_one_is_still_running() {
    assert_eq!(second::<Effects>(Step::ChargeSlowly(SECOND)).await, said(409, "in_use"));
    assert_eq!(second::<Successes>(Step::ChargeSlowly(SECOND)).await, said(409, "in_use"));
    assert_eq!(second::<Quiet>(Step::ChargeSlowly(SECOND)).await, error(409));
    assert_eq!(
        second::<Stripe>(Step::ChargeSlowly(SECOND)).await,
        said(409, "idempotency_key_in_use")
    );
}

#[tokio::test]
async fn work_ends_by_the_clock_whether_or_not_its_caller_waits() {
    let provider = Arc::new(ScriptedProvider::of::<Effects>().script([Step::ChargeSlowly(SECOND)]));
    begin(&provider, b"5").await;
    assert_eq!((provider.happened("key"), provider.charged()), (Some(Reply::StillRunning), 0));
    provider.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(provider.charged(), 0);
    provider.advance(Duration::from_nanos(1));
    assert_eq!((provider.happened("key"), provider.charged()), (Some(receipt_1()), 1));
    assert_eq!(shown(provider.answer("key", b"5").await), receipt("1"));
}

fn receipt_1() -> Reply {
    Reply::Charged { receipt: 1 }
}

#[tokio::test]
async fn a_caller_that_waits_gets_the_answer_when_the_work_ends() {
    let provider = Arc::new(ScriptedProvider::of::<Effects>().script([Step::ChargeSlowly(SECOND)]));
    let caller = Arc::clone(&provider);
    let call = tokio::spawn(async move { caller.call("key", b"5").await });
    provider.called(1).await;
    provider.advance(SECOND);
    assert_eq!(call.await.unwrap(), receipt_1());
}

#[tokio::test]
async fn the_clock_moves_between_two_calls_and_questions() {
    let provider = ScriptedProvider::of::<Effects>()
        .script([Step::ChargeSlowly(SECOND * 3)])
        .between_calls(SECOND);
    let provider = Arc::new(provider);
    begin(&provider, b"5").await;
    assert_eq!(shown(provider.answer("key", b"5").await), said(409, "in_use"));
    assert_eq!(provider.happened("key"), Some(Reply::StillRunning));
    assert_eq!(shown(provider.answer("key", b"5").await), receipt("1"));
}

#[tokio::test]
async fn a_key_is_forgotten_at_the_end_of_its_life() {
    let provider = ScriptedProvider::of::<Effects>();
    assert_eq!(shown(provider.answer("key", b"5").await), receipt("1"));
    provider.advance(DAY - Duration::from_nanos(1));
    assert_eq!(shown(provider.answer("key", b"5").await), receipt("1"));
    provider.advance(Duration::from_nanos(1));
    assert_eq!(shown(provider.answer("key", b"5").await), receipt("2"));
    assert_eq!(provider.happened("key"), Some(Reply::Charged { receipt: 2 }));

    let provider = ScriptedProvider::of::<AnyProvider>().forget_after(SECOND);
    provider.call("key", b"5").await;
    provider.advance(SECOND);
    assert_eq!(provider.call("key", b"5").await, Reply::Charged { receipt: 2 });

    let provider = ScriptedProvider::new([Step::Charge, Step::ForgetAndCharge]);
    provider.call("key", b"5").await;
    assert_eq!(provider.call("key", b"5").await, Reply::Charged { receipt: 2 });
}

#[tokio::test]
async fn another_body_is_refused_where_the_contract_has_a_word_for_it() {
    let provider = ScriptedProvider::of::<Effects>();
    provider.call("key", b"5").await;
    assert_eq!(shown(provider.answer("key", b"6").await), said(400, "reused"));
    assert_eq!(shown(provider.answer("key", b"5").await), receipt("1"));
    let provider = ScriptedProvider::of::<Quiet>();
    provider.call("key", b"5").await;
    assert_eq!(shown(provider.answer("key", b"6").await), receipt("1"));
}

/// The word may be a lie: what was done and by whom is in the books.
#[tokio::test]
async fn done_already_is_said_by_this_operation_and_by_another_one() {
    let provider =
        ScriptedProvider::of::<Refuses>().script([Step::ChargeAndSayDone, Step::SayDone]);
    assert_eq!(shown(provider.answer("mine", b"5").await), said(409, "ALREADY_PAID"));
    assert_eq!(shown(provider.answer("other", b"5").await), said(409, "ALREADY_PAID"));
    assert_eq!(provider.happened("mine"), Some(receipt_1()));
    assert_eq!((provider.happened("other"), provider.charged()), (None, 1));
}

#[tokio::test]
async fn a_handler_reads_each_answer_by_the_contract() {
    let ending = |answered: Answered| answered.check::<Everything>().map_err(|e| e.ending());
    let provider = ScriptedProvider::of::<Everything>().script([
        Step::Charge,
        Step::Decline,
        Step::SayDone,
        Step::SayOtherBody,
        Step::ChargeAndError(502),
        Step::RateLimited(Duration::from_millis(1500)),
    ]);
    for (key, expected) in [
        ("a", Ok(())),
        ("b", Err(Ending::fail("DECLINED", false))),
        ("c", Err(Ending::AlreadyDone)),
        ("d", Err(Ending::InDoubt)),
        ("e", Err(Ending::InDoubt)),
        ("f", Err(Ending::Retry { after: Some(SECOND * 2) })),
    ] {
        assert_eq!(ending(provider.answer(key, b"5").await), expected, "{key}");
    }
    assert_eq!(ending(Answered::new(7)), Err(Ending::InDoubt));
}

#[tokio::test]
async fn steps_may_be_added_on_the_way() {
    let provider = ScriptedProvider::of::<Effects>();
    provider.then(Step::Unavailable);
    assert_eq!(provider.call("key", b"5").await, Reply::Unavailable);
    assert_eq!(provider.call("key", b"5").await, receipt_1());
}

//! Two runs that went wrong once, with nothing but defaults, and what must follow.

use std::sync::Arc;

use orch::http::HttpOutcome;
use orch::prelude::*;
use orch::{CheckoutCom, Keeps, KeyLifetime, Phase, Provider, Repeat, Says, Word};
use orch_testkit::{Cell, Reply, ScriptedProvider, Step, crash_matrix};

type Api = State<Arc<ScriptedProvider>>;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Pay {
    order: u64,
}

#[orchestrated(domain = "RUN", event = "PAY", provider = CheckoutCom)]
async fn pay(_: Pay, ctx: Context<CheckoutCom>, api: Api) -> Result<String, HttpOutcome> {
    paid(&api, &ctx).await
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct PayAsked {
    order: u64,
}

#[orchestrated(domain = "RUN", event = "PAY_ASKED", provider = CheckoutCom, reconcile = find)]
async fn pay_asked(
    _: PayAsked,
    ctx: Context<CheckoutCom>,
    api: Api,
) -> Result<String, HttpOutcome> {
    paid(&api, &ctx).await
}

async fn paid(api: &ScriptedProvider, ctx: &Context<CheckoutCom>) -> Result<String, HttpOutcome> {
    let answer = api.answer(ctx.provider_key().as_str(), b"50000 KRW").await;
    answer.check::<CheckoutCom>()?;
    Ok(answer.receipt.unwrap_or_default())
}

async fn find(_: PayAsked, ctx: Context<CheckoutCom>, api: Api) -> Reconciled<String> {
    match api.happened(ctx.provider_key().as_str()) {
        Some(Reply::Charged { receipt }) => Reconciled::Happened(receipt.to_string()),
        Some(_) => Reconciled::Unanswered,
        None => Reconciled::NotHappened,
    }
}

fn charges_and_answers_502() -> ScriptedProvider {
    ScriptedProvider::of::<CheckoutCom>().script([Step::ChargeAndError(502)])
}

/// Its key is kept behind a 2xx only: the second call would be a second charge.
#[tokio::test]
async fn a_502_behind_a_charge_is_left_to_an_operator_by_default() {
    let matrix = crash_matrix(pay, Pay { order: 1 }).against(charges_and_answers_502);
    let report = matrix.state(Arc::clone).killed_at([]).run().await;
    report.assert_safe();
    let cell = &report.cells()[0];
    assert_eq!((cell.keys.len(), cell.effects), (1, 1), "{report}");
    assert_eq!(cell.operation.phase, Some(Phase::Parked), "{report}");
}

#[tokio::test]
async fn a_502_behind_a_charge_is_found_by_a_reconcile() {
    let matrix = crash_matrix(pay_asked, PayAsked { order: 1 }).against(charges_and_answers_502);
    let report = matrix.state(Arc::clone).killed_at([]).run().await;
    report.assert_safe();
    let cell = &report.cells()[0];
    assert_eq!((cell.keys.len(), cell.effects), (1, 1), "{report}");
    assert_eq!(cell.end(), "COMPLETED", "{report}");
}

/// What is assumed of any provider, and a word for a call that is at work.
enum Slow {}

impl Provider for Slow {
    const NAME: &'static str = "a slow provider";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const WORDS: &'static [Word] = &[Word::of(409, "still_being_processed", Says::StillRunning)];
}

#[derive(Debug, thiserror::Error, Outcome)]
enum CallError {
    #[outcome(in_doubt)]
    #[error("no answer in time")]
    NoAnswer,
    #[outcome(from = HttpOutcome::ending)]
    #[error("an answer that is no success")]
    Http(#[source] HttpOutcome),
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Wait {
    order: u64,
}

#[orchestrated(domain = "RUN", event = "WAIT", provider = Slow)]
async fn wait(_: Wait, ctx: Context<Slow>, api: Api) -> Result<String, CallError> {
    // 4 s, a hundred times faster: the provider's clock says how long it was.
    let call = api.answer(ctx.provider_key().as_str(), b"50000 KRW");
    let answer = tokio::time::timeout(Duration::from_millis(40), call).await;
    let answer = answer.map_err(|_| CallError::NoAnswer)?;
    answer.check::<Slow>().map_err(CallError::Http)?;
    Ok(answer.receipt.unwrap_or_default())
}

async fn waited(between_calls: Duration) -> Cell {
    let slow = move || {
        ScriptedProvider::of::<Slow>()
            .script([Step::ChargeSlowly(Duration::from_secs(12))])
            .between_calls(between_calls)
    };
    let matrix = crash_matrix(wait, Wait { order: 1 }).against(slow);
    let report = matrix.state(Arc::clone).killed_at([]).run().await;
    report.assert_safe();
    report.cells()[0].clone()
}

/// 12 s of work, a caller that gives up after 4, and two calls that hear of it.
#[tokio::test]
async fn a_call_that_is_still_being_processed_uses_up_no_attempt() {
    let cell = waited(Duration::from_secs(4)).await;
    assert_eq!((cell.end().as_str(), cell.effects), ("COMPLETED", 1), "{cell:?}");
    assert_eq!((cell.keys.len(), cell.operation.attempt), (4, 2), "{cell:?}");
}

/// And so with more of them than there are attempts.
#[tokio::test]
async fn a_call_that_is_processed_for_long_is_asked_for_until_it_is_done() {
    let cell = waited(Duration::from_millis(1500)).await;
    assert_eq!((cell.end().as_str(), cell.effects), ("COMPLETED", 1), "{cell:?}");
    assert_eq!((cell.keys.len(), cell.operation.attempt), (9, 2), "{cell:?}");
}

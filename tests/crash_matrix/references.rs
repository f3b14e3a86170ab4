//! Contracts whose reference is in the command: no call carries a key of ours.

use std::sync::Arc;

use orch::http::HttpOutcome;
use orch::prelude::*;
use orch::providers::TossConfirm;
use orch_testkit::{Boundary, Reply, ScriptedProvider, crash_matrix};

type Api = State<Arc<ScriptedProvider>>;

/// The browser has authorised it.
#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Confirm {
    order_id: u64,
    payment_key: String,
}

fn authorised() -> Confirm {
    Confirm { order_id: 1, payment_key: "tviva-1".to_owned() }
}

async fn call(api: &ScriptedProvider, reference: &str) -> Result<String, HttpOutcome> {
    let answer = api.answer(reference, b"5 EUR").await;
    answer.check::<TossConfirm>()?;
    Ok(answer.receipt.unwrap_or_default())
}

async fn find(cmd: Confirm, api: Api) -> Reconciled<String> {
    match api.happened(&cmd.payment_key) {
        Some(Reply::Charged { receipt }) => Reconciled::Happened(receipt.to_string()),
        Some(_) => Reconciled::Unanswered,
        None => Reconciled::NotHappened,
    }
}

#[orchestrated(
    domain = "REFERENCE",
    event = "CONFIRM",
    provider = TossConfirm,
    attempt_timeout = "100ms",
    reconcile = find
)]
async fn confirm(cmd: Confirm, api: Api) -> Result<String, HttpOutcome> {
    call(&api, &cmd.payment_key).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_has_the_reference_needs_no_key_of_ours() {
    let report = crash_matrix(confirm, authorised())
        .against(ScriptedProvider::of::<TossConfirm>)
        .contract::<TossConfirm>()
        .state(Arc::clone)
        .run()
        .await;
    report.assert_safe();
    let ends = report.cells().iter().map(|cell| (cell.end(), cell.effects));
    assert!(ends.into_iter().all(|end| end == ("COMPLETED".to_owned(), 1)), "{report}");
}

#[tokio::test]
async fn without_the_contract_the_report_says_how_to_name_it() {
    let report = crash_matrix(confirm, authorised())
        .against(ScriptedProvider::of::<TossConfirm>)
        .state(Arc::clone)
        .killed_at([Boundary::Accepted])
        .run()
        .await;
    let text = report.to_string();
    assert!(text.contains("was used for another operation as well"), "{text}");
    assert!(text.contains("`.contract::<P>()`"), "{text}");
}

/// Another reference in each attempt, as where it is made anew.
#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Renamed {
    order_id: u64,
}

async fn nothing(_: Renamed) -> Reconciled<String> {
    Reconciled::NotHappened
}

#[orchestrated(
    domain = "REFERENCE",
    event = "RENAMED",
    provider = TossConfirm,
    attempt_timeout = "100ms",
    reconcile = nothing
)]
async fn renamed(cmd: Renamed, ctx: Context<TossConfirm>, api: Api) -> Result<String, HttpOutcome> {
    call(&api, &format!("{}-{}", cmd.order_id, ctx.attempt())).await
}

#[tokio::test]
async fn another_reference_in_another_attempt_is_found() {
    let report = crash_matrix(renamed, Renamed { order_id: 1 })
        .against(ScriptedProvider::of::<TossConfirm>)
        .contract::<TossConfirm>()
        .state(Arc::clone)
        .killed_at([Boundary::Sent])
        .run()
        .await;
    let text = report.to_string();
    assert!(text.contains("2 calls of one operation had 2 references"), "{text}");
}

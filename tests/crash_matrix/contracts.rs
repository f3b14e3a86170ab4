//! A provider that does what its contract says, and its faults, with a process that dies on top.

use std::sync::Arc;

use orch::http::HttpOutcome;
use orch::prelude::*;
use orch::{CheckoutCom, Keeps, KeyLifetime, Provider, Repeat, Says, Word};
use orch_testkit::{Boundary, Reply, Report, ScriptedProvider, Step, crash_matrix};

type Api = State<Arc<ScriptedProvider>>;

const SECOND: Duration = Duration::from_secs(1);

async fn call<P: Provider>(api: &ScriptedProvider, key: &str) -> Result<String, HttpOutcome> {
    let answer = api.answer(key, b"5 EUR").await;
    answer.check::<P>()?;
    Ok(answer.receipt.unwrap_or_default())
}

/// It keeps successes and nothing else: after a 502 behind the charge, the same key charges again.
#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Pay {
    order_id: u64,
}

#[orchestrated(
    domain = "CONTRACT",
    event = "SUCCESSES",
    provider = CheckoutCom,
    attempt_timeout = "100ms",
    reconcile = find
)]
async fn pay(_: Pay, ctx: Context<CheckoutCom>, api: Api) -> Result<String, HttpOutcome> {
    call::<CheckoutCom>(&api, ctx.provider_key().as_str()).await
}

async fn find(_: Pay, ctx: Context<CheckoutCom>, api: Api) -> Reconciled<String> {
    match api.happened(ctx.provider_key().as_str()) {
        Some(Reply::Charged { receipt }) => Reconciled::Happened(receipt.to_string()),
        Some(_) => Reconciled::Unanswered,
        None => Reconciled::NotHappened,
    }
}

/// It keeps what has acted, and says that a call is still at work.
enum Bank {}

impl Provider for Bank {
    const NAME: &'static str = "the bank";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(Duration::from_secs(24 * 60 * 60));
    const WORDS: &'static [Word] = &[Word::of(409, "in_use", Says::StillRunning)];
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Transfer {
    order_id: u64,
}

#[orchestrated(
    domain = "CONTRACT",
    event = "EFFECTS",
    provider = Bank,
    in_doubt = "retry",
    attempt_timeout = "100ms"
)]
async fn transfer(_: Transfer, ctx: Context<Bank>, api: Api) -> Result<String, HttpOutcome> {
    call::<Bank>(&api, ctx.provider_key().as_str()).await
}

/// What the provider does to the first calls.
const FAULTS: [&[Step]; 6] = [
    &[],
    &[Step::ChargeAndError(502)],
    &[Step::ChargeAndNeverAnswer],
    &[Step::Error(500)],
    &[Step::Error(500), Step::ChargeAndError(502)],
    &[Step::ChargeSlowly(Duration::from_secs(2))],
];

async fn paid(script: &'static [Step], boundaries: impl IntoIterator<Item = Boundary>) -> Report {
    crash_matrix(pay, Pay { order_id: 1 })
        .against(move || provider::<CheckoutCom>(script))
        .state(Arc::clone)
        .killed_at(boundaries)
        .run()
        .await
}

async fn transferred(
    script: &'static [Step],
    boundaries: impl IntoIterator<Item = Boundary>,
) -> Report {
    crash_matrix(transfer, Transfer { order_id: 1 })
        .against(move || provider::<Bank>(script))
        .state(Arc::clone)
        .killed_at(boundaries)
        .run()
        .await
}

fn provider<P: Provider>(script: &[Step]) -> ScriptedProvider {
    ScriptedProvider::of::<P>().script(script.iter().copied()).between_calls(SECOND)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_successes_are_kept_a_reconcile_finds_what_was_charged() {
    for script in FAULTS {
        let report = paid(script, Boundary::ALL).await;
        report.assert_safe();
        for cell in report.cells() {
            assert_eq!(
                (cell.end().as_str(), cell.effects),
                ("COMPLETED", 1),
                "{script:?} {report}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_effects_are_kept_the_repeated_call_is_the_same_call() {
    for script in FAULTS {
        let report = transferred(script, Boundary::ALL).await;
        report.assert_safe();
        assert!(report.cells().iter().all(|cell| cell.effects <= 1), "{script:?} {report}");
        let undisturbed = &report.cells()[0];
        assert_eq!(undisturbed.end(), "COMPLETED", "{script:?} {report}");
    }
}

/// A handler that repeats calls against a provider that keeps less than the contract says is found.
#[tokio::test]
async fn a_provider_that_keeps_less_than_its_contract_says_is_found() {
    let report = crash_matrix(transfer, Transfer { order_id: 1 })
        .against(|| ScriptedProvider::of::<CheckoutCom>().script([Step::ChargeAndError(502)]))
        .state(Arc::clone)
        .killed_at([])
        .run()
        .await;
    assert!(report.to_string().contains("the provider acted 2 times"), "{report}");
}

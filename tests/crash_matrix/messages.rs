//! What the provider tells by itself, by a webhook, once the process of an operation has died.

use std::sync::Arc;

use orch::http::HttpOutcome;
use orch::prelude::*;
use orch::{Keeps, KeyLifetime, KeyPlace, Provider, Repeat, Says, Word};
use orch_testkit::{
    Boundary, ProviderBooks, Reply, Report, ScriptedProvider, Step, Telling, crash_matrix,
};

use crate::databases::Kind;

type Api = State<Arc<ScriptedProvider>>;

/// Keys are remembered: doubt is called again.
enum Bank {}

impl Provider for Bank {
    const NAME: &'static str = "the bank";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
}

/// The reference is in the command, and a second call is refused: doubt is parked, or the provider is asked.
enum CheckoutPage {}

impl Provider for CheckoutPage {
    const NAME: &'static str = "a checkout page";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_PLACE: KeyPlace = KeyPlace::Command;
    const WORDS: &'static [Word] = &[Word::of_code("ALREADY_PROCESSED_PAYMENT", Says::Done)];
}

async fn call<P: Provider>(api: &ScriptedProvider, key: &str) -> Result<String, HttpOutcome> {
    let answer = api.answer(key, b"5 EUR").await;
    answer.check::<P>()?;
    Ok(answer.receipt.unwrap_or_default())
}

/// What the books of the provider say under this key.
fn stands(api: &ScriptedProvider, key: &str) -> Reconciled<String> {
    match api.happened(key) {
        Some(Reply::Charged { receipt }) => Reconciled::Happened(receipt.to_string()),
        Some(_) => Reconciled::Unanswered,
        None => Reconciled::NotHappened,
    }
}

/// The same of the one key that there is, for a message.
fn told(api: &ScriptedProvider) -> Reconciled<String> {
    api.keys().first().map_or(Reconciled::NotHappened, |key| stands(api, key))
}

macro_rules! handler {
    ($name:ident: $Provider:ident, $event:literal $(, $option:ident = $value:tt)*) => {
        mod $name {
            use super::*;

            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "ORDER-{order_id}")]
            pub struct Pay {
                pub order_id: u64,
            }

            #[orchestrated(
                domain = "MESSAGES",
                event = $event,
                provider = $Provider,
                attempt_timeout = "100ms"
                $(, $option = $value)*
            )]
            pub async fn pay(
                cmd: Pay,
                ctx: Context<$Provider>,
                api: Api,
            ) -> Result<String, HttpOutcome> {
                call::<$Provider>(&api, &key(&cmd, &ctx)).await
            }

            #[allow(dead_code, reason = "one of them asks")]
            async fn find(cmd: Pay, ctx: Context<$Provider>, api: Api) -> Reconciled<String> {
                stands(&api, &key(&cmd, &ctx))
            }

            fn key(cmd: &Pay, ctx: &Context<$Provider>) -> String {
                match $Provider::KEY_PLACE {
                    KeyPlace::Command => format!("REFERENCE-{}", cmd.order_id),
                    _ => ctx.provider_key().as_str().to_owned(),
                }
            }

            pub async fn told_on(kind: Kind, script: &'static [Step]) -> Report {
                // Each process takes its time to open a database.
                let boundaries = if kind == Kind::Memory { &Boundary::ALL[..] } else { &SOME };
                let database = kind.create().await;
                crash_matrix(pay, Pay { order_id: 1 })
                    .against(|| ScriptedProvider::of::<$Provider>().script(script.iter().copied()))
                    .contract::<$Provider>()
                    .state(Arc::clone)
                    .tells::<Pay>(told)
                    .killed_at(boundaries.iter().copied())
                    .on(move || database.of_a_cell())
                    .run()
                    .await
            }
        }
    };
}

handler!(retried: Bank, "RETRIED");
handler!(failing: Bank, "FAILING", in_doubt = "fail");
handler!(parked: CheckoutPage, "PARKED");
handler!(asked: CheckoutPage, "ASKED", reconcile = find);

/// The moments that differ for a message: no call was made, it is under way, its answer is there.
const SOME: [Boundary; 3] = [Boundary::Accepted, Boundary::Sent, Boundary::Answered];
/// Behind these the provider has acted.
const CALLED: [Boundary; 3] = [Boundary::Sent, Boundary::Answered, Boundary::Finalized];

/// Each way to be told at each boundary is there, and none of them is wrong.
fn assert_told(report: &Report, boundaries: &[Boundary]) {
    report.assert_safe();
    for boundary in boundaries {
        let cells = report.cells().iter().filter(|cell| cell.boundary == Some(*boundary));
        let cells: Vec<_> = cells.filter(|cell| cell.told.is_some()).collect();
        let told: Vec<_> = cells.iter().filter_map(|cell| cell.told).collect();
        assert_eq!(told, Telling::ALL, "{boundary}");
        for cell in cells.iter().filter(|_| CALLED.contains(boundary)) {
            assert!(cell.told_happened && cell.in_history && cell.effects == 1, "{report}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_what_is_told_at_any_boundary_is_kept_and_acts_once() {
    let boundaries = [Boundary::Accepted, Boundary::Claimed].into_iter().chain(CALLED);
    let boundaries: Vec<_> = boundaries.collect();
    for report in [
        retried::told_on(Kind::Memory, &[]).await,
        failing::told_on(Kind::Memory, &[]).await,
        parked::told_on(Kind::Memory, &[]).await,
        asked::told_on(Kind::Memory, &[]).await,
    ] {
        assert_told(&report, &boundaries);
    }
}

async fn what_is_told_is_kept(kind: Kind) {
    assert_told(&parked::told_on(kind, &[]).await, &SOME);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_what_is_told_at_any_boundary_is_kept_and_acts_once() {
    what_is_told_is_kept(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_what_is_told_at_any_boundary_is_kept_and_acts_once() {
    what_is_told_is_kept(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_parked_is_completed_by_the_message() {
    let report = parked::told_on(Kind::Memory, &[]).await;
    let cells = report.cells().iter().filter(|cell| cell.boundary == Some(Boundary::Sent));
    for cell in cells {
        let expected = if cell.told.is_some() { "COMPLETED" } else { "parked" };
        assert_eq!(cell.end(), expected, "{report}");
    }
}

/// The call is lost; what the provider tells then is that nothing has happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_that_nothing_has_happened_it_acts_once_all_the_same() {
    for report in [
        retried::told_on(Kind::Memory, &[Step::NeverAnswer]).await,
        asked::told_on(Kind::Memory, &[Step::NeverAnswer]).await,
    ] {
        report.assert_safe();
        assert!(report.cells().iter().any(|cell| cell.told.is_some() && !cell.told_happened));
    }
}

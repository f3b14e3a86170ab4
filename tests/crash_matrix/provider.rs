//! What the page says about a provider that misbehaves.

use futures_util::future::{BoxFuture, join_all};
use futures_util::{StreamExt, stream};
use orch_testkit::{Report, Step};

use crate::page::{self, IN_DOUBT};

/// What the provider does, call by call; then it charges.
type Script = fn() -> Vec<Step>;

const SCRIPTS: [(&str, Script); 10] = [
    ("answers", Vec::new),
    ("declines, which the handler maps to `fail`", || vec![Step::Decline]),
    ("is busy once, which the handler maps to `retry`", || vec![Step::Unavailable]),
    ("is busy each time", || vec![Step::Unavailable; 3]),
    ("acts once and never answers", || vec![Step::ChargeAndNeverAnswer]),
    ("acts and never answers, each time", || vec![Step::ChargeAndNeverAnswer; 3]),
    ("loses the first call and never answers it", || vec![Step::NeverAnswer]),
    ("is busy, then acts and never answers", || {
        vec![Step::Unavailable, Step::ChargeAndNeverAnswer]
    }),
    ("acts and never answers, then refuses before it looks at the key", || {
        vec![Step::ChargeAndNeverAnswer, Step::Refuse]
    }),
    ("loses the first call, then declines, which clears doubt", || {
        vec![Step::NeverAnswer, Step::Decline]
    }),
];

/// A handler of a provider that honours keys.
macro_rules! handler {
    ($name:ident, $event:literal, $option:ident = $value:expr) => {
        mod $name {
            use std::sync::Arc;

            use orch::prelude::*;
            use orch_testkit::{Reply, Report, ScriptedProvider, crash_matrix};

            use super::Script;

            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "ORDER-{order_id}")]
            struct Charge {
                order_id: u64,
            }

            #[derive(Debug, thiserror::Error, Outcome)]
            enum ChargeError {
                #[outcome(fail, code = "CARD_DECLINED", clears_doubt)]
                #[error("declined")]
                Declined,
                #[outcome(fail, code = "REFUSED")]
                #[error("refused")]
                Refused,
                #[outcome(retry)]
                #[error("busy")]
                Busy,
            }

            type Provider = State<Arc<ScriptedProvider>>;

            #[orchestrated(
                                                                        domain = "PROVIDER",
                                                                        event = $event,
                                                                        attempt_timeout = "100ms",
                                                                        $option = $value
                                                                    )]
            async fn charge(_: Charge, ctx: Context, api: Provider) -> Result<u64, ChargeError> {
                match api.call(ctx.provider_key().as_str(), b"5 EUR").await {
                    Reply::Charged { receipt } => Ok(receipt),
                    Reply::Declined => Err(ChargeError::Declined),
                    Reply::Refused | Reply::KeyReused => Err(ChargeError::Refused),
                    _ => Err(ChargeError::Busy),
                }
            }

            #[allow(dead_code, reason = "one handler asks")]
            async fn ask(_: Charge, ctx: Context, api: Provider) -> Reconciled<u64> {
                match api.happened(ctx.provider_key().as_str()) {
                    Some(Reply::Charged { receipt }) => Reconciled::Happened(receipt),
                    _ => Reconciled::NotHappened,
                }
            }

            pub(super) async fn run(script: Script) -> Report {
                crash_matrix(charge, Charge { order_id: 1 })
                    .against(move || ScriptedProvider::new(script()))
                    .state(Arc::clone)
                    .killed_at([])
                    .run()
                    .await
            }
        }
    };
}

handler!(retry, "RETRY", in_doubt = "retry");
handler!(reconcile, "RECONCILE", reconcile = ask);
handler!(park, "PARK", in_doubt = "park");
handler!(fail, "FAIL", in_doubt = "fail");

type Run = fn(Script) -> BoxFuture<'static, Report>;

/// In the order of the columns.
const HANDLERS: [Run; 4] = [
    |script| Box::pin(retry::run(script)),
    |script| Box::pin(reconcile::run(script)),
    |script| Box::pin(park::run(script)),
    |script| Box::pin(fail::run(script)),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_a_provider_that_misbehaves_is_told() {
    let rows = stream::iter(SCRIPTS).map(|(does, script)| async move {
        let reports = join_all(HANDLERS.map(|run| run(script))).await;
        for (report, in_doubt) in reports.iter().zip(IN_DOUBT) {
            assert_eq!(report.handler().in_doubt, in_doubt);
            assert!(report.cells()[0].effects <= 1, "{report}");
        }
        let told = reports.iter().map(|report| page::told(&report.cells()[0])).collect();
        (vec![does.to_owned()], told)
    });
    let rows: Vec<_> = rows.buffered(2).collect().await;
    let mut text = String::from("\n");
    page::write_table(
        &mut text,
        "the provider…",
        &IN_DOUBT.map(|d| page::title(d).to_owned()),
        &rows,
    );
    text.push('\n');
    page::compare("provider", &text);
}

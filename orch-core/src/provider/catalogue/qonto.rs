use super::MINUTE;
use crate::provider::{Keeps, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// Qonto.
///
/// Keys expire after 30 minutes. Successful answers are kept and no others, so in doubt the
/// call is not repeated: give a `reconcile` that looks into the list. A repeated key gets the
/// kept answer whatever the body is. The page names no limit of length and recommends UUIDs.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Qonto;
///
/// #[orchestrated(domain = "QONTO", event = "TRANSFER", provider = Qonto, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Qonto>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v2/sepa/transfers", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotent requests", which bears no date.
#[derive(Debug, Clone, Copy)]
pub enum Qonto {}

impl Provider for Qonto {
    const NAME: &'static str = "Qonto";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(MINUTE.saturating_mul(30));
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Qonto-Idempotency-Key");
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.qonto.com/get-started/general/idempotent-requests",
        (2026, 11, 28),
    ));
}

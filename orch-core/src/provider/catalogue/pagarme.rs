use super::DAY;
use crate::provider::{Keeps, KeyLifetime, Provider, Published, Repeat};

/// Pagar.me, orders.
///
/// The key and the status of its order are kept for 24 hours, however the order went: captured,
/// authorised or failed. Upper and lower case differ. No limit of length.
///
/// In doubt the call is repeated. To ask instead, read the order by its `code`.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PagarMe;
///
/// #[orchestrated(domain = "PAGARME", event = "ORDER", provider = PagarMe)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PagarMe>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/core/v5/orders", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Idempotência", updated on 2026-04-06.
#[derive(Debug, Clone, Copy)]
pub enum PagarMe {}

impl Provider for PagarMe {
    const NAME: &'static str = "Pagar.me";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.pagar.me/docs/o-que-é", (2026, 11, 28)));
}

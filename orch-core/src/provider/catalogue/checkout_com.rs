use super::DAY;
use crate::provider::{Keeps, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// Checkout.com.
///
/// Keys expire after 24 hours unless agreed otherwise. Only a 2xx is kept: after any other
/// answer, a 5xx behind a payment among them, the same key makes another payment. So in doubt
/// the call is not repeated: give a `reconcile` that looks for the reference (`GET
/// /payments?reference=…`). Of two calls at once with one key, one is processed. The page names
/// no limit of length and recommends UUIDs; whether bodies are compared is not said.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::CheckoutCom;
///
/// #[orchestrated(
///     domain = "CHECKOUT",
///     event = "CHARGE",
///     provider = CheckoutCom,
///     reconcile = find
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<CheckoutCom>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/payments", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(format!("/payments?reference={}", cmd.order)).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Retry a payment", updated on 2026-01-07.
#[derive(Debug, Clone, Copy)]
pub enum CheckoutCom {}

impl Provider for CheckoutCom {
    const NAME: &'static str = "Checkout.com";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_PLACE: KeyPlace = KeyPlace::Header("Cko-Idempotency-Key");
    const PUBLISHED: Option<Published> = Some(Published::new(
        "checkout.com/docs/payments/manage-payments/retry-a-payment",
        (2026, 11, 28),
    ));
}

use super::DAY;
use crate::provider::{Keeps, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// PPRO.
///
/// Keys are stored for 24 hours. A call that was processed is answered as before, with
/// `Request-Idempotency: true`. A 4xx is not kept: nothing was executed then. PPRO says that
/// calls without an answer and calls with a 5xx can be repeated under their key. 409 means that
/// the first call is at work, and also that the body differs, so no word is made of it.
///
/// In doubt the call is repeated. To ask instead, read the charge.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Ppro;
///
/// #[orchestrated(domain = "PPRO", event = "CHARGE", provider = Ppro)]
/// async fn pay(cmd: Pay, ctx: Context<Ppro>, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/v1/payment-charges", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Idempotency & tracing".
#[derive(Debug, Clone, Copy)]
pub enum Ppro {}

impl Provider for Ppro {
    const NAME: &'static str = "PPRO";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_PLACE: KeyPlace = KeyPlace::Header("Request-Idempotency-Key");
    const PUBLISHED: Option<Published> = Some(Published::new(
        "developerhub.ppro.com/global-api/reference/api-requests-idempotency",
        (2026, 11, 28),
    ));
}

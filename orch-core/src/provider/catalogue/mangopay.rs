use super::{DAY, HYPHENS};
use crate::provider::{KeyForm, KeyLifetime, Provider, Published, Repeat};

/// Mangopay.
///
/// For 24 hours a key that was used is refused with 409. The status says neither how the first
/// call ended nor whether it is still at work, so no word is made of it; `HttpOutcome` ends it
/// in doubt. 16 to 36 letters, digits and hyphens.
///
/// Give a `reconcile` that asks by the key: `GET /responses/{Idempotency-Key}` has the first
/// answer, a success or an error.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Mangopay;
///
/// #[orchestrated(domain = "MANGOPAY", event = "PAY", provider = Mangopay, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Mangopay>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/payins/card/direct", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(
///     _cmd: Pay,
///     ctx: Context<Mangopay>,
///     api: State<Api>,
/// ) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(format!("/responses/{}", ctx.provider_key())).await?;
///     // The same key is sent again: at most one of the calls acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotency support", and the library for Node.js, 1.68.0.
#[derive(Debug, Clone, Copy)]
pub enum Mangopay {}

impl Provider for Mangopay {
    const NAME: &'static str = "Mangopay";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_FORM: KeyForm = KeyForm::up_to(36).at_least(16).of(HYPHENS);
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.mangopay.com/guide/idempotency-support", (2026, 11, 28)));
}

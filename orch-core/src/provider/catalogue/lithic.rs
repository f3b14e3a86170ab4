use crate::provider::{Keeps, KeyForm, KeyLifetime, Provider, Published, Repeat};

/// Lithic, cards and financial accounts.
///
/// The key is a UUID, version 4 by preference. What is kept behind it, and for how long, is not
/// in what was read, so in doubt the call is not repeated: give a `reconcile` that looks into
/// the list, or park.
///
/// Lithic's library for Node.js (0.145.0) makes no key, and drops the request option
/// `idempotencyKey`: send it as the parameter of the call.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Lithic;
///
/// #[orchestrated(domain = "LITHIC", event = "CARD", provider = Lithic, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Lithic>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/cards", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotency for Create Card" of 2026-01-21, and the library for Node.js, 0.145.0.
#[derive(Debug, Clone, Copy)]
pub enum Lithic {}

impl Provider for Lithic {
    const NAME: &'static str = "Lithic";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_FORM: KeyForm = KeyForm::Uuid4;
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.lithic.com/changelog/idempotency-for-create-card",
        (2026, 11, 28),
    ));
}

use crate::provider::{Keeps, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// Flutterwave, the API's version 4.
///
/// A repeated call gets the first answer, with `X-Idempotency-Cache-Hit: true`. Whether errors
/// are kept is not said, nor for how long, so in doubt the call is not repeated: give a
/// `reconcile` that looks for your `reference`, or park.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Flutterwave;
///
/// #[orchestrated(
///     domain = "FLUTTERWAVE",
///     event = "CHARGE",
///     provider = Flutterwave,
///     reconcile = find
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Flutterwave>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/charges", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotency".
#[derive(Debug, Clone, Copy)]
pub enum Flutterwave {}

impl Provider for Flutterwave {
    const NAME: &'static str = "Flutterwave v4";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Idempotency-Key");
    const PUBLISHED: Option<Published> =
        Some(Published::new("developer.flutterwave.com/docs/idempotency", (2026, 11, 28)));
}

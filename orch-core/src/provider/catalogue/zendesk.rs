use super::HOUR;
use crate::policies::Says;
use crate::provider::{Keeps, KeyLifetime, Provider, Published, Repeat, Word};

/// Zendesk, the creation of tickets.
///
/// For 2 hours a repeated call gets the ticket of the first one, with `x-idempotency-lookup:
/// hit`. Another body is refused with `IdempotentRequestError`, the field `error` of the
/// answer. Whether errors are kept is not said, so in doubt the call is not repeated: give a
/// `reconcile` that looks for your `external_id`, or park.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Zendesk;
///
/// #[orchestrated(domain = "ZENDESK", event = "TICKET", provider = Zendesk, reconcile = find)]
/// async fn open(
///     cmd: Pay,
///     ctx: Context<Zendesk>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/api/v2/tickets.json", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(format!("/api/v2/tickets.json?external_id={}", cmd.order)).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: the introduction to the Ticketing API, "Idempotency".
#[derive(Debug, Clone, Copy)]
pub enum Zendesk {}

impl Provider for Zendesk {
    const NAME: &'static str = "Zendesk tickets";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR.saturating_mul(2));
    const WORDS: &'static [Word] = &[Word::of(400, "IdempotentRequestError", Says::OtherBody)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "developer.zendesk.com/api-reference/ticketing/introduction",
        (2026, 11, 28),
    ));
}

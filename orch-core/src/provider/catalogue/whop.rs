use super::DAY;
use crate::policies::Says;
use crate::provider::{Keeps, KeyLifetime, Provider, Published, Repeat, Word};

/// Whop.
///
/// For 24 hours a repeated call gets the first answer if that was a success or a 4xx; behind a 5xx
/// nothing is kept. So an attempt after a 4xx gets that 4xx again: end it as `fail`, not as `retry`.
/// A key holds for one path, query, body and version of the API; another body is refused. At most 255
/// bytes.
///
/// 409 `idempotency_request_in_progress` has two meanings: the first call is at work, or it
/// died half-way, and then the key stays so for its 24 hours. So no word is made of it, and in
/// doubt the call is not repeated: give a `reconcile` that reads the object, or park.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Whop;
///
/// #[orchestrated(domain = "WHOP", event = "PAY", provider = Whop, reconcile = find)]
/// async fn pay(cmd: Pay, ctx: Context<Whop>, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/api/v1/payments", &cmd, ctx.provider_key().header()).await
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
pub enum Whop {}

impl Provider for Whop {
    const NAME: &'static str = "Whop";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const WORDS: &'static [Word] = &[Word::of(400, "idempotency_key_mismatch", Says::OtherBody)];
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.whop.com/developer/api/idempotency", (2026, 11, 28)));
}

use crate::policies::Says;
use crate::provider::{Keeps, KeyLifetime, Provider, Published, Repeat, Word};

/// Increase.
///
/// A key belongs to the object that it has made, across all of Increase; a repeated call gets
/// that object. Another call with the key is refused with 409 and the object's `resource_id`.
/// The code of an answer is its field `type`.
///
/// The key is also a name to ask by: each list has the filter `idempotency_key`, which gives
/// the one object or nothing. How long a key stays taken is not said, so in doubt a handler
/// parks unless it has such a `reconcile`.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Increase;
///
/// #[orchestrated(
///     domain = "INCREASE",
///     event = "TRANSFER",
///     provider = Increase,
///     reconcile = find
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Increase>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/ach_transfers", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(
///     _cmd: Pay,
///     ctx: Context<Increase>,
///     api: State<Api>,
/// ) -> std::io::Result<Reconciled<String>> {
///     let path = format!("/ach_transfers?idempotency_key={}", ctx.provider_key());
///     let found = api.find(path).await?;
///     // The same key is sent again: at most one of the calls acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotency keys".
#[derive(Debug, Clone, Copy)]
pub enum Increase {}

impl Provider for Increase {
    const NAME: &'static str = "Increase";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const WORDS: &'static [Word] =
        &[Word::of(409, "idempotency_key_already_used_error", Says::OtherBody)];
    const PUBLISHED: Option<Published> =
        Some(Published::new("increase.com/documentation/idempotency-keys", (2026, 11, 28)));
}

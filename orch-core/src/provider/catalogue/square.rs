use crate::policies::Says;
use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};

/// Square.
///
/// The key goes into the request's body, in the field `idempotency_key`, and not into a header:
/// send [`as_str`](crate::provider::ProviderKey::as_str) there. At most 45 characters in
/// `CreatePayment`; other endpoints allow more. Another body under the same key is refused,
/// "depending on the API".
///
/// Square does not publish how long it remembers a key, so in doubt a call is not repeated:
/// give `reconcile`, or park, or fail. `POST /v2/payments/cancel` undoes a payment by its key.
/// The code of an answer is the field `code` of its first error.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Square;
///
/// #[orchestrated(domain = "SQUARE", event = "CHARGE", provider = Square, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Square>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v2/payments", &cmd, ("idempotency_key", ctx.provider_key().as_str())).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: the specification of the API, 2025-08-19.
#[derive(Debug, Clone, Copy)]
pub enum Square {}

impl Provider for Square {
    const NAME: &'static str = "Square";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("idempotency_key");
    const KEY_FORM: KeyForm = KeyForm::up_to(45);
    const WORDS: &'static [Word] = &[Word::of_code("IDEMPOTENCY_KEY_REUSED", Says::OtherBody)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "github.com/square/connect-api-specification, api.json of 2025-08-19",
        (2026, 11, 28),
    ));
}

use super::DAY;
use crate::policies::Says;
use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};

/// Toss Payments, the calls that take a key: cancels, payouts, card payments by key. The
/// confirm of a payment that a browser has authorised is [`TossConfirm`].
///
/// For 15 days from the first use a repeated call gets the first answer. Key, API key, address
/// and method make the call; the body does not, so another body gets the first answer too. If
/// the API key is changed while a call is in doubt, its repetition is a new call. 409
/// `IDEMPOTENT_REQUEST_PROCESSING` means that the first one is at work. At most 300 characters.
/// The code of an answer is its field `code`.
///
/// In doubt the call is repeated. After an error Toss warns of new keys: orch takes one only
/// after an error that your handler calls certain (`retry`), so give an unclear one `in_doubt`.
/// To ask instead: `GET /v1/payments/{paymentKey}` or `/v1/payments/orders/{orderId}`.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Toss;
///
/// #[orchestrated(domain = "TOSS", event = "CANCEL", provider = Toss)]
/// async fn cancel(
///     cmd: Pay,
///     ctx: Context<Toss>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/payments/K-1/cancel", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Idempotency key", in the reference.
#[derive(Debug, Clone, Copy)]
pub enum Toss {}

impl Provider for Toss {
    const NAME: &'static str = "Toss Payments";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY.saturating_mul(15));
    const KEY_FORM: KeyForm = KeyForm::up_to(300);
    const WORDS: &'static [Word] =
        &[Word::of(409, "IDEMPOTENT_REQUEST_PROCESSING", Says::StillRunning)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.tosspayments.com/reference/using-api/authorization",
        (2026, 11, 28),
    ));
}

/// Toss Payments, the confirm of a payment that the customer has authorised in the browser.
/// `paymentKey` and `orderId` are in the command.
///
/// A payment is confirmed once. A second confirm is refused with `ALREADY_PROCESSED_PAYMENT`:
/// the payment is there, and its amount is yours to compare. (The billing calls say
/// `DUPLICATED_ORDER_ID`, which may be about another payment, so no word is made of it.) A
/// payment that nobody confirms expires.
///
/// Give a `reconcile`: `GET /v1/payments/orders/{orderId}`; `DONE` has happened. The page about
/// confirm flows of the book shows the whole.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::TossConfirm;
///
/// #[orchestrated(
///     domain = "TOSS",
///     event = "CONFIRM",
///     provider = TossConfirm,
///     reconcile = find
/// )]
/// async fn confirm(cmd: Pay, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/v1/payments/confirm", &cmd, ()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(format!("/v1/payments/orders/{}", cmd.order)).await?;
///     // Confirmed again: at most one confirm of a payment acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: reference, "Error codes".
#[derive(Debug, Clone, Copy)]
pub enum TossConfirm {}

impl Provider for TossConfirm {
    const NAME: &'static str = "Toss Payments confirm";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::Command;
    const WORDS: &'static [Word] = &[
        Word::of_code("ALREADY_PROCESSED_PAYMENT", Says::Done),
        Word::of(409, "IDEMPOTENT_REQUEST_PROCESSING", Says::StillRunning),
    ];
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.tosspayments.com/reference/error-codes", (2026, 11, 28)));
}

use super::HYPHENS_AND_UNDERSCORES;
use crate::policies::Says;
use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};

/// Amazon Pay, the API's version 2.
///
/// Keys are remembered for ever. A repeated call gets the answer that the first one got; one
/// with other values is refused. At most 32 letters, digits, hyphens and underscores, so a UUID
/// goes without its hyphens. The code of an answer is its field `reasonCode`.
///
/// In doubt the call is repeated. To ask instead, read the charge.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::AmazonPay;
///
/// #[orchestrated(domain = "AMAZON", event = "CHARGE", provider = AmazonPay)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<AmazonPay>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v2/charges", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Idempotency".
#[derive(Debug, Clone, Copy)]
pub enum AmazonPay {}

impl Provider for AmazonPay {
    const NAME: &'static str = "Amazon Pay";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::Header("x-amz-pay-idempotency-key");
    const KEY_FORM: KeyForm = KeyForm::up_to(32).of(HYPHENS_AND_UNDERSCORES);
    const WORDS: &'static [Word] = &[Word::of_code("DuplicateIdempotencyKey", Says::OtherBody)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "developer.amazon.com/docs/amazon-pay-api-v2/idempotency.html",
        (2026, 11, 28),
    ));
}

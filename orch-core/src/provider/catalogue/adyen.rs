use super::DAY;
use crate::provider::{Keeps, KeyForm, KeyLifetime, Provider, Published, Repeat};

/// Adyen, the Checkout API.
///
/// Keys are remembered for at least 31 days. The first answer is kept, an error too, and the
/// repeated call gets it with the key in a header. Errors that carry `Transient-Error: true`
/// are the exception: they are not kept, and the same key runs as if it were the first. A key
/// holds for the company account, and in one region: a call that is sent to another region is
/// not recognised. At most 64 characters.
///
/// In doubt the call is repeated. It must go to the same region. If its answer stays an error,
/// ask by webhook or in the Customer Area for the `reference`.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Adyen;
///
/// #[orchestrated(domain = "ADYEN", event = "PAY", provider = Adyen)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Adyen>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v71/payments", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "API idempotency", and the specification of Checkout v71 of 2026-07-01. Older copies
/// of the page say 7 days.
#[derive(Debug, Clone, Copy)]
pub enum Adyen {}

impl Provider for Adyen {
    const NAME: &'static str = "Adyen";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY.saturating_mul(31));
    const KEY_FORM: KeyForm = KeyForm::up_to(64);
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.adyen.com/development-resources/api-idempotency",
        (2026, 11, 28),
    ));
}

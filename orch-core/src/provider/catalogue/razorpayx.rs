use super::HYPHENS_AND_UNDERSCORES;
use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// RazorpayX, payouts.
///
/// The key is required, 4 to 36 letters, digits, hyphens and underscores. The answer to the
/// first call is kept and given to every repeated one, a failed payout too: a new attempt after
/// that needs a new key, and orch makes one. While the first call is at work a new key would be
/// a second payout. Another body is refused with a code that other mistakes have as well, so no
/// word is made of it.
///
/// How long a key is remembered is not published, so in doubt the call is not repeated: give a
/// `reconcile` that looks for your `reference_id`, or park.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::RazorpayX;
///
/// #[orchestrated(
///     domain = "RAZORPAYX",
///     event = "PAYOUT",
///     provider = RazorpayX,
///     reconcile = find
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<RazorpayX>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/payouts", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Make a request idempotent", Payout Idempotency.
#[derive(Debug, Clone, Copy)]
pub enum RazorpayX {}

impl Provider for RazorpayX {
    const NAME: &'static str = "RazorpayX";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Payout-Idempotency");
    const KEY_FORM: KeyForm = KeyForm::up_to(36).at_least(4).of(HYPHENS_AND_UNDERSCORES);
    const PUBLISHED: Option<Published> = Some(Published::new(
        "razorpay.com/docs/api/x/payout-idempotency/make-request",
        (2026, 11, 28),
    ));
}

use super::DAY;
use crate::policies::Says;
use crate::provider::{Keeps, KeyLifetime, Provider, Published, Repeat, Word};

/// Stripe, the API's version 1. Version 2 is [`StripeV2`].
///
/// Keys are pruned when they are at least 24 hours old. The first answer is kept whether it is
/// a success or an error, 500 included; a refusal before the endpoint begins (validation, or
/// another call with the key at work) is not. Another body under the same key is refused. Up to
/// 255 characters. The code of an answer is the field `code` of its `error`, or `type` where
/// there is none.
///
/// Give the handler a `reconcile`. After a 500 it is unknown whether the call has acted; the
/// same key only gets the same 500 again, and with a new one it would be another charge.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Stripe;
///
/// #[orchestrated(domain = "STRIPE", event = "CHARGE", provider = Stripe, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Stripe>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/payment_intents", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let path = format!("/v1/payment_intents/search?query=metadata['order']:'{}'", cmd.order);
///     let found = api.find(path).await?;
///     // A search lags behind: what it does not find may still be there.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: API reference, "Idempotent requests", which bears no date.
#[derive(Debug, Clone, Copy)]
pub enum Stripe {}

impl Provider for Stripe {
    const NAME: &'static str = "Stripe";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const WORDS: &'static [Word] = &[
        Word::of(409, "idempotency_key_in_use", Says::StillRunning),
        Word::of_code("idempotency_error", Says::OtherBody),
    ];
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.stripe.com/api/idempotent_requests", (2026, 11, 28)));
}

/// Stripe, the API's version 2: the paths that begin with `/v2`. Version 1 is [`Stripe`].
///
/// Its rules differ from those of version 1. A call that has succeeded is not made a second
/// time; one that failed or stopped half-way is carried on under the same key, and its answer
/// says how it went this time. So the same key after an error is right here, and would be
/// useless in version 1.
///
/// Read this contract with care: the page that was read states no length of time for which a
/// key is remembered, nor what a key with another body gets, so it says neither. In doubt a
/// handler parks unless it has a `reconcile`: read the object. If Stripe has confirmed a figure
/// to you, write a contract of your own with it; the call may then be repeated.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::StripeV2;
///
/// #[orchestrated(domain = "STRIPE.V2", event = "PAY", provider = StripeV2, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<StripeV2>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     let key = ctx.provider_key().header();
///     api.post("/v2/money_management/outbound_payments", &cmd, key).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: API reference, "Idempotent requests", the part about API v2.
#[derive(Debug, Clone, Copy)]
pub enum StripeV2 {}

impl Provider for StripeV2 {
    const NAME: &'static str = "Stripe v2";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.stripe.com/api/idempotent_requests", (2026, 11, 28)));
}

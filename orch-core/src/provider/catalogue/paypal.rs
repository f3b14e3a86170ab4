//! PayPal says of each API how long it remembers a key, so each has a contract.

use super::{DAY, HOUR};
use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// PayPal, Orders v2.
///
/// Keys are remembered for 6 hours; up to 72 where PayPal has agreed to it. A repeated call
/// gets the present state of what the first one has made, not its first answer: 200 where that
/// was 201. Of two calls at once with one key, the second may fail. At most 108 characters. The
/// key is required where the order names a payment source.
///
/// In doubt the call is repeated. To ask instead, read the order.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PayPalOrders;
///
/// #[orchestrated(domain = "PAYPAL", event = "ORDER", provider = PayPalOrders)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PayPalOrders>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v2/checkout/orders", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Idempotency", and the specifications of 2024-02-03.
#[derive(Debug, Clone, Copy)]
pub enum PayPalOrders {}

impl Provider for PayPalOrders {
    const NAME: &'static str = "PayPal Orders";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR.saturating_mul(6));
    const KEY_PLACE: KeyPlace = KeyPlace::Header("PayPal-Request-Id");
    const KEY_FORM: KeyForm = KeyForm::up_to(108);
    const PUBLISHED: Option<Published> =
        Some(Published::new("developer.paypal.com/api/rest/reference/idempotency", (2026, 11, 28)));
}

/// PayPal, Payments v2: captures and refunds.
///
/// Keys are remembered for 45 days. A repeated call gets the present state of what the first
/// one has made, not its first answer: 200 where that was 201. Of two calls at once with one
/// key, the second may fail.
///
/// In doubt the call is repeated. To ask instead, read the capture or the refund; `invoice_id`
/// and `custom_id` are yours to find it by.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PayPalPayments;
///
/// #[orchestrated(domain = "PAYPAL", event = "CAPTURE", provider = PayPalPayments)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PayPalPayments>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     let key = ctx.provider_key().header();
///     api.post("/v2/payments/authorizations/A-1/capture", &cmd, key).await
/// }
/// ```
///
/// Source: "Idempotency", and the specifications of 2024-02-03.
#[derive(Debug, Clone, Copy)]
pub enum PayPalPayments {}

impl Provider for PayPalPayments {
    const NAME: &'static str = "PayPal Payments";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY.saturating_mul(45));
    const KEY_PLACE: KeyPlace = KeyPlace::Header("PayPal-Request-Id");
    const PUBLISHED: Option<Published> =
        Some(Published::new("developer.paypal.com/api/rest/reference/idempotency", (2026, 11, 28)));
}

/// PayPal, Subscriptions v1.
///
/// Keys are remembered for 72 hours. A repeated call gets the present state of what the first
/// one has made, not its first answer: 200 where that was 201. Of two calls at once with one
/// key, the second may fail.
///
/// In doubt the call is repeated. To ask instead, read the subscription; `custom_id` is yours
/// to find it by.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PayPalSubscriptions;
///
/// #[orchestrated(domain = "PAYPAL", event = "SUBSCRIBE", provider = PayPalSubscriptions)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PayPalSubscriptions>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/billing/subscriptions", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Idempotency", and the specifications of 2024-02-03.
#[derive(Debug, Clone, Copy)]
pub enum PayPalSubscriptions {}

impl Provider for PayPalSubscriptions {
    const NAME: &'static str = "PayPal Subscriptions";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR.saturating_mul(72));
    const KEY_PLACE: KeyPlace = KeyPlace::Header("PayPal-Request-Id");
    const PUBLISHED: Option<Published> =
        Some(Published::new("developer.paypal.com/api/rest/reference/idempotency", (2026, 11, 28)));
}

/// PayPal, the vault of payment tokens v3.
///
/// The key is required, and remembered for 3 hours. A repeated call gets the present state of
/// what the first one has made, not its first answer: 200 where that was 201. Of two calls at
/// once with one key, the second may fail.
///
/// In doubt the call is repeated.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PayPalVault;
///
/// #[orchestrated(domain = "PAYPAL", event = "VAULT", provider = PayPalVault)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PayPalVault>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v3/vault/payment-tokens", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Idempotency", and the specifications of 2024-02-03.
#[derive(Debug, Clone, Copy)]
pub enum PayPalVault {}

impl Provider for PayPalVault {
    const NAME: &'static str = "PayPal Vault";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR.saturating_mul(3));
    const KEY_PLACE: KeyPlace = KeyPlace::Header("PayPal-Request-Id");
    const PUBLISHED: Option<Published> =
        Some(Published::new("developer.paypal.com/api/rest/reference/idempotency", (2026, 11, 28)));
}

/// PayPal, Payouts v1.
///
/// Keys are remembered for 30 days. A repeated call gets the present state of what the first
/// one has made, not its first answer: 200 where that was 201. Of two calls at once with one
/// key, the second may fail. At most 1000 characters.
///
/// The body has a second lock, `sender_batch_id`: for 30 days a batch with a used one is
/// refused, and the refusal links to the first batch. Send the same for every attempt, and end
/// that refusal as `in_doubt`: the first batch has been taken. In doubt the call is repeated; a
/// `reconcile` would read the batch behind the link.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PayPalPayouts;
///
/// #[orchestrated(domain = "PAYPAL", event = "PAYOUT", provider = PayPalPayouts)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PayPalPayouts>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/payments/payouts", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Idempotency", and the specifications of 2024-02-03.
#[derive(Debug, Clone, Copy)]
pub enum PayPalPayouts {}

impl Provider for PayPalPayouts {
    const NAME: &'static str = "PayPal Payouts";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY.saturating_mul(30));
    const KEY_PLACE: KeyPlace = KeyPlace::Header("PayPal-Request-Id");
    const KEY_FORM: KeyForm = KeyForm::up_to(1000);
    const PUBLISHED: Option<Published> =
        Some(Published::new("developer.paypal.com/api/rest/reference/idempotency", (2026, 11, 28)));
}

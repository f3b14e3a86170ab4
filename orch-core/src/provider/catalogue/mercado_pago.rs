use crate::policies::Says;
use crate::provider::{Keeps, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};

/// Mercado Pago, payments and refunds.
///
/// The key is required. A repeated call gets the payment that is there, and makes none. 423
/// means that the first call holds the lock. 409 is a conflict; what was read leaves open which
/// one, so no word is made of it.
///
/// How long a key is remembered is not published, so in doubt the call is not repeated: give a
/// `reconcile` that searches for your `external_reference`, or park. Mercado Pago's own
/// libraries repeat calls themselves, with a key of their own unless you give one: give yours
/// with each call, not with the client.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::MercadoPago;
///
/// #[orchestrated(
///     domain = "MERCADOPAGO",
///     event = "PAY",
///     provider = MercadoPago,
///     reconcile = find
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<MercadoPago>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/payments", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let path = format!("/v1/payments/search?external_reference={}", cmd.order);
///     let found = api.find(path).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotency" of the payment flow, and the library for Node.js, 3.6.1.
#[derive(Debug, Clone, Copy)]
pub enum MercadoPago {}

impl Provider for MercadoPago {
    const NAME: &'static str = "Mercado Pago";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Idempotency-Key");
    const WORDS: &'static [Word] = &[Word::of_status(423, Says::StillRunning)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "mercadopago.com.br/developers/en/docs/wallet-connect/payment-flow/idempotency",
        (2026, 11, 28),
    ));
}

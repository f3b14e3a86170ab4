use super::{DAY, HOUR};
use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// Plaid, the authorization of a transfer.
///
/// The key goes into the field `idempotency_key`, at most 50 characters. For 48 hours a
/// repeated call gets the authorization that the first one has made; an authorization whose
/// decision asks for an action of the user is the exception. After that it is a new request.
///
/// In doubt the call is repeated. Beware of the call that follows, `/transfer/create`: it is
/// keyed by the authorization, and may have made a transfer although it answered 500. Look into
/// the transfer events.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PlaidTransfer;
///
/// #[orchestrated(domain = "PLAID", event = "AUTHORIZE", provider = PlaidTransfer)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PlaidTransfer>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     let key = ("idempotency_key", ctx.provider_key().as_str());
///     api.post("/transfer/authorization/create", &cmd, key).await
/// }
/// ```
///
/// Source: the specification of the API, 2026-06-10.
#[derive(Debug, Clone, Copy)]
pub enum PlaidTransfer {}

impl Provider for PlaidTransfer {
    const NAME: &'static str = "Plaid Transfer";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR.saturating_mul(48));
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("idempotency_key");
    const KEY_FORM: KeyForm = KeyForm::up_to(50);
    const PUBLISHED: Option<Published> = Some(Published::new(
        "github.com/plaid/plaid-openapi, 2020-09-14.yml of 2026-06-10",
        (2026, 11, 28),
    ));
}

/// Plaid, a transaction of an e-wallet.
///
/// The key goes into the field `idempotency_key`, at most 128 characters. Once a call was processed,
/// every call with its key within 24 hours is kept from being processed. What such a call is answered
/// is not said, so it is taken for a refusal, and no word is made of it.
///
/// Give a `reconcile` that lists the transactions of the wallet. Plaid asks for at least one minute
/// before a repeated call, which a contract cannot say: set `backoff(base = "1m", …)`.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PlaidWallet;
///
/// #[orchestrated(
///     domain = "PLAID",
///     event = "EXECUTE",
///     provider = PlaidWallet,
///     reconcile = find,
///     time_budget = "30m",
///     backoff(base = "1m", cap = "5m")
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PlaidWallet>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     let key = ("idempotency_key", ctx.provider_key().as_str());
///     api.post("/wallet/transaction/execute", &cmd, key).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // The same key is sent again: at most one of the calls acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: the specification of the API, 2026-06-10.
#[derive(Debug, Clone, Copy)]
pub enum PlaidWallet {}

impl Provider for PlaidWallet {
    const NAME: &'static str = "Plaid Wallet";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("idempotency_key");
    const KEY_FORM: KeyForm = KeyForm::up_to(128);
    const PUBLISHED: Option<Published> = Some(Published::new(
        "github.com/plaid/plaid-openapi, 2020-09-14.yml of 2026-06-10",
        (2026, 11, 28),
    ));
}

/// Plaid, a payment under a consent.
///
/// The key goes into the field `idempotency_key`, at most 128 characters. Once a call was processed,
/// every call with its key within 48 hours is kept from being processed. What such a call is answered
/// is not said, so it is taken for a refusal, and no word is made of it.
///
/// Give a `reconcile` that lists the payments.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PlaidConsentPayment;
///
/// #[orchestrated(
///     domain = "PLAID",
///     event = "CONSENT",
///     provider = PlaidConsentPayment,
///     reconcile = find
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PlaidConsentPayment>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     let key = ("idempotency_key", ctx.provider_key().as_str());
///     api.post("/payment_initiation/consent/payment/execute", &cmd, key).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // The same key is sent again: at most one of the calls acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: the specification of the API, 2026-06-10.
#[derive(Debug, Clone, Copy)]
pub enum PlaidConsentPayment {}

impl Provider for PlaidConsentPayment {
    const NAME: &'static str = "Plaid Consent Payment";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR.saturating_mul(48));
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("idempotency_key");
    const KEY_FORM: KeyForm = KeyForm::up_to(128);
    const PUBLISHED: Option<Published> = Some(Published::new(
        "github.com/plaid/plaid-openapi, 2020-09-14.yml of 2026-06-10",
        (2026, 11, 28),
    ));
}

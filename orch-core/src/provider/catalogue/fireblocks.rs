use super::DAY;
use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// Fireblocks, all POST calls but the creation of a transaction, which has
/// [`FireblocksTransaction`].
///
/// For 24 hours every repeated call gets the answer of the first one, whatever that was. At
/// most 40 characters.
///
/// In doubt the call is repeated.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Fireblocks;
///
/// #[orchestrated(domain = "FIREBLOCKS", event = "VAULT", provider = Fireblocks)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Fireblocks>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/vault/accounts", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "API idempotency".
#[derive(Debug, Clone, Copy)]
pub enum Fireblocks {}

impl Provider for Fireblocks {
    const NAME: &'static str = "Fireblocks";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_FORM: KeyForm = KeyForm::up_to(40);
    const PUBLISHED: Option<Published> =
        Some(Published::new("developers.fireblocks.com/reference/api-idempotency", (2026, 11, 28)));
}

/// Fireblocks, the creation of a transaction.
///
/// The key goes into the field `externalTxId`. A second transaction with the same one is
/// rejected with 400, for ever; other mistakes have that status as well, so no word is made of
/// it. End that answer as `in_doubt`.
///
/// Give a `reconcile` that reads the transaction by its external id. Fireblocks asks for that
/// after each 4xx, each 5xx and each missing answer.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::FireblocksTransaction;
///
/// #[orchestrated(
///     domain = "FIREBLOCKS",
///     event = "TRANSFER",
///     provider = FireblocksTransaction,
///     reconcile = find
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<FireblocksTransaction>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/transactions", &cmd, ("externalTxId", ctx.provider_key().as_str())).await
/// }
///
/// async fn find(
///     _cmd: Pay,
///     ctx: Context<FireblocksTransaction>,
///     api: State<Api>,
/// ) -> std::io::Result<Reconciled<String>> {
///     let path = format!("/v1/transactions/external_tx_id/{}", ctx.provider_key());
///     let found = api.find(path).await?;
///     // The same key is sent again: at most one of the calls acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotency key and externalTxId usage", and the models of the library for
/// TypeScript, 18.0.0.
#[derive(Debug, Clone, Copy)]
pub enum FireblocksTransaction {}

impl Provider for FireblocksTransaction {
    const NAME: &'static str = "Fireblocks transactions";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("externalTxId");
    const PUBLISHED: Option<Published> = Some(Published::new(
        "support.fireblocks.io/hc/en-us/articles/15109492473500",
        (2026, 11, 28),
    ));
}

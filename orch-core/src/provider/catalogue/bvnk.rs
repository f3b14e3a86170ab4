use crate::provider::{KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// BVNK, the endpoints of version 1. Those of version 2 have [`BvnkV2`].
///
/// A key behind a success is refused with 400, "a request with this id exists"; a call that
/// failed may be repeated under its key. Other mistakes have that status as well, so no word is
/// made of it: end that answer as `in_doubt`. The key is a UUID.
///
/// Behind a 5xx the call may have acted, and for how long a key is remembered is not published.
/// Give a `reconcile` that reads the resource, or park.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::BvnkV1;
///
/// #[orchestrated(domain = "BVNK", event = "WALLET", provider = BvnkV1, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<BvnkV1>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/ledger/v1/wallets", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotency".
#[derive(Debug, Clone, Copy)]
pub enum BvnkV1 {}

impl Provider for BvnkV1 {
    const NAME: &'static str = "BVNK v1";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Idempotency-Key");
    const KEY_FORM: KeyForm = KeyForm::Uuid4;
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.bvnk.com/bvnk/api-explorer/api-overview/idempotency",
        (2026, 11, 28),
    ));
}

/// BVNK, the endpoints of version 2. They read the key from another header than those of
/// version 1, [`BvnkV1`].
///
/// A key behind a success is refused with 400, "a request with this id exists"; a call that
/// failed may be repeated under its key. Other mistakes have that status as well, so no word is
/// made of it: end that answer as `in_doubt`. The key is a UUID.
///
/// Behind a 5xx the call may have acted, and for how long a key is remembered is not published.
/// Give a `reconcile` that reads the resource, or park.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::BvnkV2;
///
/// #[orchestrated(domain = "BVNK", event = "TRANSFER", provider = BvnkV2, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<BvnkV2>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/payment/v2/transfers", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotency".
#[derive(Debug, Clone, Copy)]
pub enum BvnkV2 {}

impl Provider for BvnkV2 {
    const NAME: &'static str = "BVNK v2";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_FORM: KeyForm = KeyForm::Uuid4;
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.bvnk.com/bvnk/api-explorer/api-overview/idempotency",
        (2026, 11, 28),
    ));
}

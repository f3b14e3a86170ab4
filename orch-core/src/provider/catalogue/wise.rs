use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// Wise, transfers.
///
/// The key goes into the field `customerTransactionId` of the body, which is required and a
/// UUID. A repeated call with it is taken for the first one. A quote serves one transfer only,
/// which is a second lock.
///
/// For how long is not published, so in doubt the call is not repeated: give a `reconcile` that
/// looks into the list of transfers, or park.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Wise;
///
/// #[orchestrated(domain = "WISE", event = "TRANSFER", provider = Wise, reconcile = find)]
/// async fn pay(cmd: Pay, ctx: Context<Wise>, api: State<Api>) -> Result<String, HttpOutcome> {
///     let key = ("customerTransactionId", ctx.provider_key().as_str());
///     api.post("/v1/transfers", &cmd, key).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: API reference, "Create a transfer", and the guide to standard transfers.
#[derive(Debug, Clone, Copy)]
pub enum Wise {}

impl Provider for Wise {
    const NAME: &'static str = "Wise";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("customerTransactionId");
    const KEY_FORM: KeyForm = KeyForm::Uuid4;
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.wise.com/api-reference/transfer/transfercreate", (2026, 11, 28)));
}

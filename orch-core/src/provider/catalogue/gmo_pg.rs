use super::HYPHENS;
use crate::policies::Says;
use crate::provider::{KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};

/// GMO Payment Gateway, the protocol type.
///
/// The key goes into the field `OrderID`: at most 27 letters, digits and hyphens, so no UUID;
/// orch writes 22 letters and digits. `EntryTran` with an order id that was used is refused
/// with `E01040010`, for ever. The code of an answer is its `ErrInfo`.
///
/// `EntryTran` only registers the order; the money moves with `ExecTran`. A `reconcile` asks
/// `SearchTrade` for the order id, and reads from its status how far it came. What was read are
/// public integrations, not GMO's own manual, which is not public: hold it against yours.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::GmoPg;
///
/// #[orchestrated(domain = "GMO", event = "PAY", provider = GmoPg, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<GmoPg>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     let key = ("OrderID", ctx.provider_key().as_str());
///     api.post("/payment/EntryTran.idPass", &cmd, key).await
/// }
///
/// async fn find(
///     _cmd: Pay,
///     ctx: Context<GmoPg>,
///     api: State<Api>,
/// ) -> std::io::Result<Reconciled<String>> {
///     let path = format!("/payment/SearchTrade.idPass?OrderID={}", ctx.provider_key());
///     let found = api.find(path).await?;
///     // The same order id is sent again: it is registered at most once.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: public integrations.
#[derive(Debug, Clone, Copy)]
pub enum GmoPg {}

impl Provider for GmoPg {
    const NAME: &'static str = "GMO Payment Gateway";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("OrderID");
    const KEY_FORM: KeyForm = KeyForm::up_to(27).of(HYPHENS);
    const WORDS: &'static [Word] = &[Word::of_code("E01040010", Says::Done)];
    const PUBLISHED: Option<Published> =
        Some(Published::new("recipe.kizuna-system.jp, and public integrations", (2026, 11, 28)));
}

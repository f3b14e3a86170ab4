use crate::policies::Says;
use crate::provider::{KeyForm, KeyLifetime, Provider, Published, Repeat, Word};

/// GoCardless.
///
/// A key that has made something is refused with 409, whatever the body is; a call that made
/// nothing may be repeated under its key. The refusal tells what the first call has made:
/// `reason` is `idempotent_creation_conflict`, and `links.conflicting_resource_id` is its id.
/// The code of an answer is the `reason` of its first error.
///
/// GoCardless's own libraries read that id and return the resource as a success. With orch, a
/// `reconcile` reads it. How long keys are remembered is not in what was read.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::GoCardless;
///
/// #[orchestrated(
///     domain = "GOCARDLESS",
///     event = "PAY",
///     provider = GoCardless,
///     reconcile = find
/// )]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<GoCardless>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/payments", &cmd, ctx.provider_key().header()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // The same key is sent again: at most one of the calls acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Safely retrying API requests", and the library for Node.js, 10.1.2.
#[derive(Debug, Clone, Copy)]
pub enum GoCardless {}

impl Provider for GoCardless {
    const NAME: &'static str = "GoCardless";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_FORM: KeyForm = KeyForm::up_to(128);
    const WORDS: &'static [Word] = &[Word::of(409, "idempotent_creation_conflict", Says::Done)];
    const PUBLISHED: Option<Published> =
        Some(Published::new("gocardless.com/blog/idempotency-keys", (2026, 11, 28)));
}

use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// Circle.
///
/// The key goes into the field `idempotencyKey` of the body and is a UUID of version 4. A
/// repeated call has the result of the first one.
///
/// For how long is not published, so in doubt the call is not repeated: give a `reconcile` that
/// reads the resource, or park.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Circle;
///
/// #[orchestrated(domain = "CIRCLE", event = "PAY", provider = Circle, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<Circle>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v1/payouts", &cmd, ("idempotencyKey", ctx.provider_key().as_str())).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: "Idempotent requests".
#[derive(Debug, Clone, Copy)]
pub enum Circle {}

impl Provider for Circle {
    const NAME: &'static str = "Circle";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("idempotencyKey");
    const KEY_FORM: KeyForm = KeyForm::Uuid4;
    const PUBLISHED: Option<Published> =
        Some(Published::new("developers.circle.com/w3s/docs/idempotent-requests", (2026, 11, 28)));
}

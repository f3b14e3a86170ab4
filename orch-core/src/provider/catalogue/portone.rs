use super::{HOUR, HYPHENS_AND_UNDERSCORES};
use crate::policies::Says;
use crate::provider::{
    Keeps, KeyAlphabet, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word,
};

/// PortOne, the API's version 2, all calls that change something. The confirm of a payment is
/// [`PortOneV2Confirm`].
///
/// The key goes into the header in double quotes, as a string of structured fields. For 3
/// hours, which may change, a repeated call gets the answer of a completed one as it was; 409
/// `IDEMPOTENCY_OUTSTANDING_REQUEST` means that the first one is at work. Another request must
/// not have the key. 16 to 256 letters, digits, hyphens and underscores. The code of an answer
/// is its field `type`.
///
/// In doubt the call is repeated. PortOne advises a read timeout of at least 60 s, so set
/// `attempt_timeout`. To ask instead: `GET /payments/{paymentId}`. PortOne's own library for
/// servers cannot send the header.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PortOneV2;
///
/// #[orchestrated(
///     domain = "PORTONE",
///     event = "CANCEL",
///     provider = PortOneV2,
///     attempt_timeout = "70s"
/// )]
/// async fn cancel(
///     cmd: Pay,
///     ctx: Context<PortOneV2>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/payments/P-1/cancel", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "REST API V2", the documentation of 2026-08-06.
#[derive(Debug, Clone, Copy)]
pub enum PortOneV2 {}

impl Provider for PortOneV2 {
    const NAME: &'static str = "PortOne V2";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR.saturating_mul(3));
    const KEY_PLACE: KeyPlace = KeyPlace::QuotedHeader("Idempotency-Key");
    const KEY_FORM: KeyForm = KeyForm::up_to(256).at_least(16).of(HYPHENS_AND_UNDERSCORES);
    const WORDS: &'static [Word] =
        &[Word::of(409, "IDEMPOTENCY_OUTSTANDING_REQUEST", Says::StillRunning)];
    const PUBLISHED: Option<Published> =
        Some(Published::new("developers.portone.io/api/rest-v2", (2026, 11, 28)));
}

/// PortOne, the API's version 2, the confirm of a payment that the customer has authorised.
/// `paymentId`, which the shop has made, is in the command and in the address.
///
/// A payment id is paid once. A second payment is refused with 409 `ALREADY_PAID`; the same
/// status has other codes, a schedule that exists and a call that is at work, so the code
/// decides. It is the field `type` of the answer.
///
/// Give a `reconcile`: `GET /payments/{paymentId}`; `PAID` has happened. The page about confirm
/// flows of the book shows the whole.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PortOneV2Confirm;
///
/// #[orchestrated(
///     domain = "PORTONE",
///     event = "CONFIRM",
///     provider = PortOneV2Confirm,
///     reconcile = find
/// )]
/// async fn confirm(cmd: Pay, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post(format!("/payments/{}/confirm", cmd.order), &cmd, ()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(format!("/payments/{}", cmd.order)).await?;
///     // Confirmed again: a payment id is paid at most once.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: the specification of the API, 2026-08-06.
#[derive(Debug, Clone, Copy)]
pub enum PortOneV2Confirm {}

impl Provider for PortOneV2Confirm {
    const NAME: &'static str = "PortOne V2 confirm";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::Command;
    const WORDS: &'static [Word] = &[
        Word::of(409, "ALREADY_PAID", Says::Done),
        Word::of(409, "IDEMPOTENCY_OUTSTANDING_REQUEST", Says::StillRunning),
    ];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "github.com/portone-io/developers.portone.io, v2.openapi.yml of 2026-08-06",
        (2026, 11, 28),
    ));
}

/// PortOne, the API's version 1 (iamport): payments that a server starts.
///
/// The key goes into the field `merchant_uid`. One that was paid cannot be used again; one that
/// was not paid can. At most 40 characters, and behind Smartro letters and digits only, with
/// the rest cut off: orch writes 32 hexadecimal digits.
///
/// Give a `reconcile`: `GET /payments/find/{merchant_uid}`. Several payments may exist, so look
/// for a paid one. End the refusal as `in_doubt`: no code for it is in the specification.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::PortOneV1;
///
/// #[orchestrated(domain = "PORTONE", event = "AGAIN", provider = PortOneV1, reconcile = find)]
/// async fn pay(
///     cmd: Pay,
///     ctx: Context<PortOneV1>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     let key = ("merchant_uid", ctx.provider_key().as_str());
///     api.post("/subscribe/payments/again", &cmd, key).await
/// }
///
/// async fn find(
///     _cmd: Pay,
///     ctx: Context<PortOneV1>,
///     api: State<Api>,
/// ) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(format!("/payments/find/{}", ctx.provider_key())).await?;
///     // The same key is sent again: at most one of the calls acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: the specification of the API, 2026-08-06.
#[derive(Debug, Clone, Copy)]
pub enum PortOneV1 {}

impl Provider for PortOneV1 {
    const NAME: &'static str = "PortOne V1";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("merchant_uid");
    const KEY_FORM: KeyForm = KeyForm::up_to(40).of(KeyAlphabet::ALPHANUMERIC);
    const PUBLISHED: Option<Published> = Some(Published::new(
        "github.com/portone-io/developers.portone.io, v1.openapi.yml of 2026-08-06",
        (2026, 11, 28),
    ));
}

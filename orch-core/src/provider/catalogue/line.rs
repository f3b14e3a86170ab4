use super::DAY;
use crate::policies::Says;
use crate::provider::{
    KeyAlphabet, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word,
};

/// LINE, the Messaging API: push, multicast, narrowcast and broadcast.
///
/// For 24 hours from the first request a key that was accepted is refused with 409: the message
/// was taken. A request that was not accepted may be repeated under its key. The key must be in
/// the first request already, and is a UUID; other endpoints refuse the header.
///
/// The refusal is all there is to ask, so end a missing answer as `in_doubt` and park, or take
/// the 409 as the answer: here it means that the message was accepted.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::LineMessaging;
///
/// #[orchestrated(
///     domain = "LINE",
///     event = "PUSH",
///     provider = LineMessaging,
///     in_doubt = "park"
/// )]
/// async fn push(
///     cmd: Pay,
///     ctx: Context<LineMessaging>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     api.post("/v2/bot/message/push", &cmd, ctx.provider_key().header()).await
/// }
/// ```
///
/// Source: "Retry failed API requests".
#[derive(Debug, Clone, Copy)]
pub enum LineMessaging {}

impl Provider for LineMessaging {
    const NAME: &'static str = "LINE Messaging API";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Line-Retry-Key");
    const KEY_FORM: KeyForm = KeyForm::up_to(36).of(KeyAlphabet::UUID);
    const WORDS: &'static [Word] = &[Word::of_status(409, Says::Done)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "developers.line.biz/en/docs/messaging-api/retrying-api-request",
        (2026, 11, 28),
    ));
}

/// LINE Pay, the API's version 3: the confirm of a payment that the customer has authorised.
/// `transactionId` and `orderId` are in the command.
///
/// LINE Pay answers with a `returnCode`, which is the code of an answer. `1152` says that a
/// transaction with this id is there, `1172` that one with this order number is: both read like
/// refusals. `1198` and `1145` say that the call or the payment is in process.
///
/// Give a `reconcile`: `GET /v3/payments?orderId=…`, which has what was confirmed, and compare the
/// amount. LINE Pay asks for a read timeout of at least 40 s for the confirm, so set
/// `attempt_timeout`. The page about confirm flows of the book shows the whole.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::LinePay;
///
/// #[orchestrated(
///     domain = "LINEPAY",
///     event = "CONFIRM",
///     provider = LinePay,
///     reconcile = find,
///     attempt_timeout = "50s"
/// )]
/// async fn confirm(cmd: Pay, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/v3/payments/T-1/confirm", &cmd, ()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(format!("/v3/payments?orderId={}", cmd.order)).await?;
///     // Confirmed again: at most one confirm of a transaction acts.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: "LINE Pay appendix", error codes; Online API v3, "Payment confirmation".
#[derive(Debug, Clone, Copy)]
pub enum LinePay {}

impl Provider for LinePay {
    const NAME: &'static str = "LINE Pay";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::Command;
    const WORDS: &'static [Word] = &[
        Word::of_code("1152", Says::Done),
        Word::of_code("1172", Says::Done),
        Word::of_code("1198", Says::StillRunning),
        Word::of_code("1145", Says::StillRunning),
    ];
    const PUBLISHED: Option<Published> =
        Some(Published::new("developers.line.biz/en/docs/line-pay/appendix", (2026, 11, 28)));
}

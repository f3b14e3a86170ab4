use super::MINUTE;
use crate::provider::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat};

/// AWS, the FIFO queues of SQS and the FIFO topics of SNS.
///
/// The key goes into the member `MessageDeduplicationId`: at most 128 letters, digits and
/// punctuation. For 5 minutes a message with the same one is accepted, and not delivered a
/// second time; bodies are not compared. After that it is delivered.
///
/// In doubt the call is repeated, but 5 minutes are less than the 330 s that a handler takes by
/// default: give a shorter `time_budget`. The SDKs of AWS do not fill this member by
/// themselves.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::AwsFifo;
///
/// #[orchestrated(domain = "AWS", event = "QUEUE", provider = AwsFifo, time_budget = "4m")]
/// async fn send(
///     cmd: Pay,
///     ctx: Context<AwsFifo>,
///     api: State<Api>,
/// ) -> Result<String, HttpOutcome> {
///     let key = ("MessageDeduplicationId", ctx.provider_key().as_str());
///     api.post("SendMessage", &cmd, key).await
/// }
/// ```
///
/// Source: the service models of botocore 1.44.8.
#[derive(Debug, Clone, Copy)]
pub enum AwsFifo {}

impl Provider for AwsFifo {
    const NAME: &'static str = "AWS FIFO queues and topics";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(MINUTE.saturating_mul(5));
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("MessageDeduplicationId");
    const KEY_FORM: KeyForm = KeyForm::up_to(128);
    const PUBLISHED: Option<Published> =
        Some(Published::new("github.com/boto/botocore 1.44.8, sqs and sns", (2026, 11, 28)));
}

/// AWS, the Simple Email Service, both versions of its API.
///
/// There is no key: each call sends a mail, and the standard retries of the SDKs do so as well.
/// Turn those off for a call that orch repeats.
///
/// The effect is `unsafe`: in doubt park, or fail, or ask your own log of delivery events.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::AwsSes;
///
/// #[orchestrated(
///     domain = "AWS",
///     event = "MAIL",
///     provider = AwsSes,
///     effect = "unsafe",
///     in_doubt = "park"
/// )]
/// async fn send(cmd: Pay, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/v2/email/outbound-emails", &cmd, ()).await
/// }
/// ```
///
/// Source: the service models of botocore 1.44.8.
#[derive(Debug, Clone, Copy)]
pub enum AwsSes {}

impl Provider for AwsSes {
    const NAME: &'static str = "AWS SES";
    const REPEAT: Repeat = Repeat::Acts;
    const PUBLISHED: Option<Published> =
        Some(Published::new("github.com/boto/botocore 1.44.8, ses and sesv2", (2026, 11, 28)));
}

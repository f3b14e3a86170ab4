//! Providers that send a message for each call, and know no key for it.

use crate::provider::{Provider, Published, Repeat};

/// Twilio, messages (SMS, WhatsApp).
///
/// There is no key for messages: each call sends one. (Conversations v2, voice v3 and webhooks
/// v1 have keys; they are not this contract.)
///
/// The effect is `unsafe`: in doubt a `reconcile` may list the messages by `To`, `From` and
/// `DateSent`, and compare the text.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Twilio;
///
/// #[orchestrated(
///     domain = "TWILIO",
///     event = "SMS",
///     provider = Twilio,
///     effect = "unsafe",
///     reconcile = find
/// )]
/// async fn send(cmd: Pay, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/2010-04-01/Accounts/A-1/Messages.json", &cmd, ()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: the library for Node.js, 6.3.1.
#[derive(Debug, Clone, Copy)]
pub enum Twilio {}

impl Provider for Twilio {
    const NAME: &'static str = "Twilio Messages";
    const REPEAT: Repeat = Repeat::Acts;
    const PUBLISHED: Option<Published> =
        Some(Published::new("npm twilio 6.3.1, its source", (2026, 11, 28)));
}

/// SendGrid, mail.
///
/// There is no key: each call sends a mail. The library repeats nothing by itself.
///
/// The effect is `unsafe`: in doubt park, or fail, or ask your own log of its event webhook.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::SendGrid;
///
/// #[orchestrated(
///     domain = "SENDGRID",
///     event = "MAIL",
///     provider = SendGrid,
///     effect = "unsafe",
///     in_doubt = "park"
/// )]
/// async fn send(cmd: Pay, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/v3/mail/send", &cmd, ()).await
/// }
/// ```
///
/// Source: the library for Node.js, 8.1.6.
#[derive(Debug, Clone, Copy)]
pub enum SendGrid {}

impl Provider for SendGrid {
    const NAME: &'static str = "SendGrid";
    const REPEAT: Repeat = Repeat::Acts;
    const PUBLISHED: Option<Published> =
        Some(Published::new("npm @sendgrid/client 8.1.6, its source", (2026, 11, 28)));
}

/// Slack, `chat.postMessage`.
///
/// There is no key: each call posts a message. Slack's library repeats a call up to ten times
/// within half an hour by default: turn that off.
///
/// The effect is `unsafe`: in doubt a `reconcile` may look into the history of the channel for
/// a reference in the message's `metadata`.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::Slack;
///
/// #[orchestrated(
///     domain = "SLACK",
///     event = "POST",
///     provider = Slack,
///     effect = "unsafe",
///     reconcile = find
/// )]
/// async fn post(cmd: Pay, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/api/chat.postMessage", &cmd, ()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(&cmd.order).await?;
///     // What it does not find may still come.
///     Ok(found.map_or(Reconciled::Unanswered, Reconciled::Happened))
/// }
/// ```
///
/// Source: the library for Node.js, 8.2.0.
#[derive(Debug, Clone, Copy)]
pub enum Slack {}

impl Provider for Slack {
    const NAME: &'static str = "Slack";
    const REPEAT: Repeat = Repeat::Acts;
    const PUBLISHED: Option<Published> =
        Some(Published::new("npm @slack/web-api 8.2.0, its source", (2026, 11, 28)));
}

//! A mail as a handler sends it.

use lettre::AsyncTransport;
use lettre::transport::smtp::Error;
use orch::mail::{ending_of_lettre, message_id};
use orch::prelude::*;
use orch::providers::Unkeyed;

use crate::server::{At, Fault, SmtpServer};
use crate::world::{Transport, mail, ours};

#[derive(Debug, Clone, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Confirm {
    order_id: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum MailError {
    #[outcome(from = ending_of_lettre)]
    #[error("the mail was not taken")]
    Smtp(#[from] Error),
}

#[orchestrated(
    domain = "MAIL_CLIENT",
    event = "CONFIRM",
    provider = Unkeyed,
    effect = "unsafe",
    in_doubt = "fail",
    attempt_timeout = "1s",
    backoff(base = "10ms", cap = "10ms")
)]
async fn confirm(
    _cmd: Confirm,
    ctx: Context<Unkeyed>,
    transport: State<Transport>,
) -> Result<String, MailError> {
    let id = message_id(ctx.provider_key(), "shop.example").expect("a domain");
    transport.send(mail(&id, &["ann@home.example"])).await?;
    Ok(id)
}

/// How an operation ends whose server does this, and the ids of the mails that have arrived whole.
async fn confirmed(script: Vec<Option<(At, Fault)>>) -> (Waited<String>, Vec<String>) {
    let server = SmtpServer::start(script).await;
    let transport: Transport = ours(server.address()).build();
    let runtime = Runtime::connect("memory:")
        .only([("MAIL_CLIENT", "CONFIRM")])
        .state(transport)
        .start()
        .await
        .unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted =
        orchestrator.accept(Confirm { order_id: 1 }).idem_key("a").unwrap().await.unwrap();
    let ended = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    let _ = runtime.shutdown().await;
    (ended, server.mails().iter().map(|mail| mail.message_id().to_owned()).collect())
}

#[tokio::test]
async fn a_mail_that_is_sent_again_has_the_same_message_id() {
    let later = Some((At::Dot, Fault::Says("451 later")));
    let (ended, ids) = confirmed(vec![later]).await;
    let Waited::Ok(id) = ended else { panic!("{ended:?}") };
    assert!(id.ends_with("@shop.example>"));
    assert_eq!(ids, [id.as_str(), &id]);
}

#[tokio::test]
async fn a_lost_reply_is_never_followed_by_a_second_mail() {
    for fault in [Fault::HangsUp, Fault::Silent] {
        let (ended, ids) = confirmed(vec![Some((At::Dot, fault))]).await;
        let Waited::Failed(failure) = ended else { panic!("{ended:?}") };
        assert!(failure.uncertain, "{failure:?}");
        assert_eq!(ids.len(), 1);
    }
}

/// lettre tells of the refusal only once its `QUIT` is answered.
#[tokio::test]
async fn a_refusal_of_a_server_that_falls_silent_is_in_doubt() {
    let no = Some((At::Rcpt(0), Fault::SaysLast("550 no such user")));
    let (ended, ids) = confirmed(vec![no]).await;
    let Waited::Failed(failure) = ended else { panic!("{ended:?}") };
    assert!(failure.uncertain && ids.is_empty(), "{failure:?}");
}

#[tokio::test]
async fn a_refusal_is_plainly_failed() {
    let no = Some((At::Rcpt(0), Fault::Says("550 no such user")));
    let (ended, ids) = confirmed(vec![no]).await;
    let Waited::Failed(failure) = ended else { panic!("{ended:?}") };
    assert_eq!((failure.code.as_str(), failure.uncertain), ("SMTP_550", false));
    assert!(ids.is_empty());
}

//! The provider's webhook says "paid" while the call is out, while it is in doubt, and after the end; and
//! before anybody here knows the payment.

use std::convert::Infallible;
use std::future::pending;

use orch::memory::MemoryStore;
use orch::prelude::*;
use orch::{Config, OpId, Orchestrator, Phase, RecordError, Recorded, Reference, Source, Status};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Charge {
    #[command(idem_key)]
    order: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(in_doubt)]
    #[error("no answer")]
    NoAnswer,
    #[outcome(fail, code = "DECLINED")]
    #[error("declined")]
    Declined,
}

/// How the provider answers the call; the webhook comes apart from that.
#[derive(Clone, Copy)]
enum Answers {
    Never,
    Lost,
    Declined,
}

#[orchestrated(domain = "WEBHOOK", event = "CHARGE", in_doubt = "park")]
async fn charge(_cmd: Charge, answers: State<Answers>) -> Result<String, ChargeError> {
    match *answers {
        Answers::Never => pending().await,
        Answers::Lost => Err(ChargeError::NoAnswer),
        Answers::Declined => Err(ChargeError::Declined),
    }
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Refund {
    #[command(idem_key)]
    order: u64,
}

#[orchestrated(domain = "WEBHOOK", event = "REFUND")]
async fn refund(_cmd: Refund) -> Result<u64, Infallible> {
    Ok(1)
}

async fn shop(answers: Answers) -> (Runtime, OpId) {
    let quick = Config::default()
        .poll_every(Duration::from_millis(5))
        .drain_timeout(Duration::from_millis(50));
    let runtime = Runtime::on(MemoryStore::new()).state(answers).config(quick);
    let runtime = runtime.only([("WEBHOOK", "CHARGE")]).start().await.unwrap();
    let accepted = runtime.orchestrator().accept(Charge { order: 7 }).await.unwrap();
    (runtime, accepted.op_id)
}

fn paid() -> Reconciled<String> {
    Reconciled::Happened("ch_42".to_owned())
}

async fn phase(orchestrator: &Orchestrator, op_id: OpId, wanted: Option<Phase>) {
    for _ in 0..1000 {
        if orchestrator.get(op_id).await.unwrap().unwrap().phase == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never {wanted:?}");
}

async fn receipt(orchestrator: &Orchestrator, op_id: OpId) -> String {
    let operation = orchestrator.get(op_id).await.unwrap().unwrap();
    assert_eq!(operation.status, Status::Completed);
    let told = orchestrator.history(op_id).await.unwrap();
    let by_webhook = |it: &&orch::HistoryEntry| it.entry.source == Source::Provider;
    let entry = told.iter().find(by_webhook).unwrap();
    assert_eq!(entry.entry.note.as_deref(), Some("webhook evt_1"));
    operation.outcome.map(|outcome| format!("{outcome:?}")).unwrap()
}

#[tokio::test]
async fn told_while_the_call_is_out_it_is_paid() {
    let (runtime, op_id) = shop(Answers::Never).await;
    let orchestrator = runtime.orchestrator();
    phase(orchestrator, op_id, Some(Phase::Running)).await;
    let told = orchestrator.record_answer::<Charge>(op_id, paid(), "webhook evt_1").await.unwrap();
    assert_eq!(told, Recorded::Applied);
    receipt(orchestrator, op_id).await;
    let again = orchestrator.record_answer::<Charge>(op_id, paid(), "webhook evt_1").await.unwrap();
    assert_eq!(again, Recorded::Known);
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn told_while_nobody_knows_it_is_paid_and_nothing_is_called_again() {
    let (runtime, op_id) = shop(Answers::Lost).await;
    let orchestrator = runtime.orchestrator();
    phase(orchestrator, op_id, Some(Phase::Parked)).await;
    let told = orchestrator.record_answer::<Charge>(op_id, paid(), "webhook evt_1").await.unwrap();
    assert_eq!(told, Recorded::Applied);
    receipt(orchestrator, op_id).await;
    assert_eq!(orchestrator.get(op_id).await.unwrap().unwrap().attempt, 1);
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn told_after_the_end_it_is_kept_and_diverges() {
    let (runtime, op_id) = shop(Answers::Declined).await;
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Charge { order: 7 }).await.unwrap();
    let ended = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    assert!(matches!(ended, Waited::Failed(_)), "{ended:?}");
    let told = orchestrator.record_answer::<Charge>(op_id, paid(), "webhook evt_1").await.unwrap();
    assert_eq!(told, Recorded::Late);
    assert_eq!(orchestrator.get(op_id).await.unwrap().unwrap().status, Status::Failed);
    assert_eq!(orchestrator.divergent(None).await.unwrap().items.len(), 1);
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn told_before_anybody_knows_it_waits_and_is_listed() {
    let (runtime, _) = shop(Answers::Never).await;
    let orchestrator = runtime.orchestrator();
    let about = Reference::new("Acme", "acct_1", "pay_42").unwrap();
    let told =
        orchestrator.record_answer::<Charge>(about.clone(), paid(), "webhook evt_1").await.unwrap();
    assert_eq!(told, Recorded::Kept);
    let listed = orchestrator.unmatched(None).await.unwrap();
    assert_eq!((&listed[0].of, listed[0].source.as_str()), (&about, "webhook evt_1"));
    assert_eq!(orchestrator.unmatched(Some(listed[0].number)).await.unwrap(), []);
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_by_name() {
    let (runtime, op_id) = shop(Answers::Lost).await;
    let orchestrator = runtime.orchestrator();
    let silent =
        orchestrator.record_answer::<Charge>(op_id, Reconciled::Unanswered, "webhook").await;
    assert!(matches!(silent, Err(RecordError::SaysNothing)));
    let blank = orchestrator.record_answer::<Charge>(op_id, paid(), " ").await.unwrap_err();
    assert_eq!(blank.to_string(), "source is blank; give it at least one visible character");
    let other =
        orchestrator.record_answer::<Refund>(op_id, Reconciled::Happened(1), "webhook").await;
    let text = other.unwrap_err().to_string();
    assert!(text.contains("is a WEBHOOK/CHARGE, and the message is recorded for a WEBHOOK/REFUND"));
    let nothing = OpId::generate();
    let unknown = orchestrator.record_answer::<Charge>(nothing, paid(), "webhook").await;
    assert!(matches!(unknown, Err(RecordError::NotFound { op_id }) if op_id == nothing));
    let _ = runtime.shutdown().await;
}

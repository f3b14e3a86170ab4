//! A bank takes a transfer and tells hours later whether it has gone through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orch::memory::MemoryStore;
use orch::prelude::*;
use orch::{Config, OpId, Orchestrator, Phase, Provider, Recorded, Reference, Repeat, Submitted};
use tokio::sync::{Mutex, Notify};

/// It refuses a reference that it has seen.
enum Bank {}

impl Provider for Bank {
    const NAME: &'static str = "Bank";
    const REPEAT: Repeat = Repeat::Refuses;
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "PAYOUT-{payout}")]
struct Transfer {
    #[command(idem_key)]
    payout: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum TransferError {
    #[outcome(submitted, reference = transfer)]
    #[error("the bank has taken it as {transfer}")]
    Accepted { transfer: String },
    #[outcome(in_doubt)]
    #[error("no answer")]
    NoAnswer,
}

/// What the bank says when it is asked.
#[derive(Clone, Copy, PartialEq)]
enum Says {
    NoAnswer,
    Pending,
    Paid,
    Returned,
}

struct Desk {
    transfers: AtomicU64,
    says: Mutex<Says>,
    /// The handler goes on with the bank's answer once this is told.
    answers: Option<Notify>,
}

#[orchestrated(domain = "SUBMITTED", event = "TRANSFER", provider = Bank, time_budget = "3d", in_doubt = "park")]
async fn transfer(
    cmd: Transfer,
    _ctx: Context<Bank>,
    bank: State<Arc<Desk>>,
) -> Result<String, TransferError> {
    bank.transfers.fetch_add(1, Ordering::SeqCst);
    if let Some(answers) = &bank.answers {
        answers.notified().await;
    }
    Err(TransferError::Accepted { transfer: format!("tr_{}", cmd.payout) })
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "PAYOUT-{payout}")]
struct AskedTransfer {
    #[command(idem_key)]
    payout: u64,
}

#[orchestrated(
    domain = "SUBMITTED",
    event = "ASKED_TRANSFER",
    provider = Bank,
    time_budget = "3d",
    reconcile = ask_the_bank
)]
async fn asked_transfer(
    _cmd: AskedTransfer,
    _ctx: Context<Bank>,
    bank: State<Arc<Desk>>,
) -> Result<String, TransferError> {
    bank.transfers.fetch_add(1, Ordering::SeqCst);
    Err(TransferError::NoAnswer)
}

async fn ask_the_bank(cmd: AskedTransfer, bank: State<Arc<Desk>>) -> Reconciled<String> {
    let transfer = format!("tr_{}", cmd.payout);
    match *bank.says.lock().await {
        Says::NoAnswer => Reconciled::Unanswered,
        Says::Pending => {
            let soon = Duration::from_secs(1);
            Reconciled::Submitted(Submitted::with(&transfer).after(soon))
        }
        Says::Paid => Reconciled::Happened(transfer),
        Says::Returned => {
            let message = "the account is closed".to_owned();
            Reconciled::Refused { code: "RETURNED".to_owned(), message }
        }
    }
}

async fn house(desk: &Arc<Desk>) -> Runtime {
    let quick = Config::default()
        .poll_every(Duration::from_millis(5))
        .drain_timeout(Duration::from_millis(50));
    let kinds = [("SUBMITTED", "TRANSFER"), ("SUBMITTED", "ASKED_TRANSFER")];
    let runtime = Runtime::on(MemoryStore::new()).state(Arc::clone(desk)).config(quick);
    runtime.only(kinds).start().await.unwrap()
}

fn desk(answers: Option<Notify>) -> Arc<Desk> {
    let (transfers, says) = (AtomicU64::new(0), Mutex::new(Says::NoAnswer));
    Arc::new(Desk { transfers, says, answers })
}

async fn until(orchestrator: &Orchestrator, op_id: OpId, phase: Option<Phase>) -> orch::Operation {
    for _ in 0..2000 {
        let operation = orchestrator.get(op_id).await.unwrap().unwrap();
        if operation.phase == phase {
            return operation;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never {phase:?}");
}

fn has_gone_through(transfer: &str) -> Reconciled<String> {
    Reconciled::Happened(transfer.to_owned())
}

#[tokio::test]
async fn it_waits_for_the_webhook_and_is_never_sent_again() {
    let desk = desk(None);
    let runtime = house(&desk).await;
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Transfer { payout: 7 }).await.unwrap();
    let waiting = until(orchestrator, accepted.op_id, Some(Phase::Submitted)).await;
    assert_eq!(waiting.reason.as_deref(), Some("the bank has taken it as tr_7"));
    assert_eq!(waiting.lease_expires_at, None);
    let waited = orchestrator.wait(&accepted, Duration::from_millis(50)).await.unwrap();
    assert!(matches!(waited, Waited::Pending(_)));

    let about = Reference::at::<Bank>("", "tr_7").unwrap();
    let paid = has_gone_through("tr_7");
    let told = orchestrator.record_answer::<Transfer>(about, paid, "webhook evt_1").await.unwrap();
    assert_eq!(told, Recorded::Applied);
    let waited = orchestrator.wait(&accepted, Duration::from_secs(5)).await.unwrap();
    assert_eq!(waited, Waited::Ok("tr_7".to_owned()));
    assert_eq!(desk.transfers.load(Ordering::SeqCst), 1);
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn a_webhook_that_comes_before_the_answer_waits_for_it() {
    let desk = desk(Some(Notify::new()));
    let runtime = house(&desk).await;
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Transfer { payout: 8 }).await.unwrap();
    until(orchestrator, accepted.op_id, Some(Phase::Running)).await;
    let about = Reference::at::<Bank>("", "tr_8").unwrap();
    let paid = has_gone_through("tr_8");
    let told = orchestrator.record_answer::<Transfer>(about, paid, "webhook evt_1").await.unwrap();
    assert_eq!(told, Recorded::Kept);
    desk.answers.as_ref().unwrap().notify_one();
    let waited = orchestrator.wait(&accepted, Duration::from_secs(5)).await.unwrap();
    assert_eq!(waited, Waited::Ok("tr_8".to_owned()));
    assert_eq!(orchestrator.unmatched(None).await.unwrap(), []);
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn a_reconcile_that_finds_it_accepted_waits_too_and_asks_on() {
    let desk = desk(None);
    *desk.says.lock().await = Says::Pending;
    let runtime = house(&desk).await;
    let orchestrator = runtime.orchestrator();
    for (payout, says) in [(9, Says::Paid), (10, Says::Returned)] {
        *desk.says.lock().await = Says::Pending;
        let accepted = orchestrator.accept(AskedTransfer { payout }).await.unwrap();
        until(orchestrator, accepted.op_id, Some(Phase::Submitted)).await;
        *desk.says.lock().await = says;
        let waited = orchestrator.wait(&accepted, Duration::from_secs(20)).await.unwrap();
        match says {
            Says::Paid => assert_eq!(waited, Waited::Ok("tr_9".to_owned())),
            _ => {
                let Waited::Failed(failure) = waited else { panic!("{waited:?}") };
                assert!(failure.code == "RETURNED" && !failure.uncertain);
            }
        }
    }
    assert_eq!(desk.transfers.load(Ordering::SeqCst), 2);
    let _ = runtime.shutdown().await;
}

#[tokio::test]
async fn what_is_no_reference_is_told_in_the_reason() {
    #[derive(Serialize, Deserialize, Command)]
    #[command(biz_key = "PAYOUT-{payout}")]
    struct Blank {
        #[command(idem_key)]
        payout: u64,
    }

    #[orchestrated(domain = "SUBMITTED", event = "BLANK")]
    async fn blank(_cmd: Blank, _ctx: Context) -> Result<String, Submitted> {
        Err(Submitted::with(" "))
    }

    let runtime = Runtime::on(MemoryStore::new()).only([("SUBMITTED", "BLANK")]);
    let runtime = runtime.start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Blank { payout: 1 }).await.unwrap();
    let waiting = until(orchestrator, accepted.op_id, Some(Phase::Submitted)).await;
    let reason = waiting.reason.unwrap();
    assert!(reason.contains("its reference cannot be kept"), "{reason}");
    let _ = runtime.shutdown().await;
}

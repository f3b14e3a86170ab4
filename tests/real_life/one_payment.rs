//! One payment for an order: a second idempotency key finds the first operation.

use orch::prelude::*;
use orch::{AcceptError, OpId};
use orch_sqlite::SqliteStore;
use sqlx::{Connection, SqliteConnection};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}", unique = "biz_key")]
struct Pay {
    order: u64,
    amount: u64,
    #[command(idem_key)]
    request: String,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum PayError {
    #[error("declined")]
    #[outcome(fail, code = "CARD_DECLINED")]
    Declined,
}

#[orchestrated(domain = "ONE_PAYMENT", event = "PAY")]
async fn pay(cmd: Pay) -> Result<String, PayError> {
    match cmd.amount {
        0 => Err(PayError::Declined),
        _ => Ok(format!("receipt of {}", cmd.request)),
    }
}

fn request(key: &str, amount: u64) -> Pay {
    Pay { order: 7, amount, request: key.to_owned() }
}

/// The operation that has the order already.
fn taken(answer: Result<orch::Accepted<Pay>, AcceptError>) -> OpId {
    let error = answer.unwrap_err();
    let AcceptError::Taken { op_id } = error else { panic!("{error}") };
    assert!(error.to_string().contains(&op_id.to_string()), "{error}");
    op_id
}

async fn a_second_key_is_no_second_payment(url: &str) {
    let running = Runtime::connect(url).only([("ONE_PAYMENT", "PAY")]).start().await.unwrap();
    let orchestrator = running.orchestrator();
    let patience = Duration::from_secs(20);
    let declined = orchestrator.accept(request("tab-1", 0)).await.unwrap();
    assert!(matches!(orchestrator.wait(&declined, patience).await.unwrap(), Waited::Failed(_)));
    let paid = orchestrator.accept(request("tab-2", 5)).await.unwrap();
    assert_eq!(taken(orchestrator.accept(request("tab-3", 5)).await), paid.op_id);
    let receipt = orchestrator.wait(&paid, patience).await.unwrap();
    assert_eq!(receipt, Waited::Ok("receipt of tab-2".to_owned()));
    assert_eq!(taken(orchestrator.accept(request("tab-3", 5)).await), paid.op_id);
    let again = orchestrator.accept(request("tab-2", 5)).await.unwrap();
    assert_eq!((again.op_id, again.disposition), (paid.op_id, Disposition::Replayed));
    let error = orchestrator.redrive(declined.op_id).await.unwrap_err();
    assert!(error.to_string().contains(&paid.op_id.to_string()), "{error}");
    let _ = running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_memory() {
    a_second_key_is_no_second_payment("memory:").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("orch.db").display());
    a_second_key_is_no_second_payment(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_callers_own_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("orch.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    let running = Runtime::on(store.clone()).without_worker().start().await.unwrap();
    let orchestrator = running.orchestrator();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let first = orchestrator.accept(request("tab-1", 5));
    first.within(&store, &mut transaction).await.unwrap();
    let second = orchestrator.accept(request("tab-2", 5));
    taken(second.within(&store, &mut transaction).await);
    transaction.rollback().await.unwrap();
    orchestrator.accept(request("tab-2", 5)).await.unwrap();
    let _ = running.shutdown().await;
}

//! How a service tests its own handlers: a database for each test, a fake provider, and no sleep.

use std::sync::Arc;

use orch::prelude::*;
use orch_testkit::{Reply, ScriptedProvider, Step};
use sqlx::{Connection, SqliteConnection};

#[derive(Clone, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Charge {
    #[command(idem_key)]
    order: i64,
}

#[derive(Debug, PartialEq, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED")]
    #[error("declined")]
    Declined,
    #[outcome(retry)]
    #[error("the gateway is busy")]
    Busy,
}

/// The client of the service: over HTTP in earnest, a fake here.
#[derive(Clone)]
struct Gateway(Arc<ScriptedProvider>);

#[orchestrated(
    domain = "SERVICE",
    event = "CHARGE",
    reconcile = find,
    attempt_timeout = "1s",
    backoff(base = "10ms", cap = "10ms"),
    reconcile_backoff(base = "10ms", cap = "10ms"),
    finalize = book
)]
async fn charge(cmd: Charge, ctx: Context, gateway: State<Gateway>) -> Result<u64, ChargeError> {
    let body = cmd.order.to_string();
    match gateway.0.call(ctx.provider_key().as_str(), body.as_bytes()).await {
        Reply::Charged { receipt } => Ok(receipt),
        Reply::Unavailable => Err(ChargeError::Busy),
        _ => Err(ChargeError::Declined),
    }
}

async fn find(_cmd: Charge, ctx: Context, gateway: State<Gateway>) -> Reconciled<u64> {
    match gateway.0.happened(ctx.provider_key().as_str()) {
        Some(Reply::Charged { receipt }) => Reconciled::Happened(receipt),
        _ => Reconciled::NotHappened,
    }
}

async fn book(conn: &mut SqliteConnection, ended: &FinalOutcome<u64>) -> Result<(), sqlx::Error> {
    if let FinalOutcome::Ok(receipt) = ended {
        let insert = sqlx::query("INSERT INTO ledger (receipt) VALUES (?)");
        insert.bind(i64::try_from(*receipt).unwrap_or(i64::MAX)).execute(conn).await?;
    }
    Ok(())
}

const LEDGER: &str = "CREATE TABLE ledger (receipt INTEGER NOT NULL)";

/// The service on a database that no other test has. It is removed with the folder.
struct Service {
    runtime: Runtime,
    ledger: SqliteConnection,
    _folder: tempfile::TempDir,
}

impl Service {
    async fn start(gateway: &Gateway) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("service.db").display());
        let mut ledger = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(LEDGER).execute(&mut ledger).await.unwrap();
        // Only these: a test binary has the handlers of all its tests, and each wants its states.
        let runtime = Runtime::connect(url)
            .only([("SERVICE", "CHARGE")])
            .state(gateway.clone())
            .start()
            .await
            .unwrap();
        Self { runtime, ledger, _folder: folder }
    }

    async fn charge(&self, order: i64) -> Waited<u64> {
        let desk = self.runtime.orchestrator();
        let accepted = desk.accept(Charge { order }).await.unwrap();
        // Returns as soon as it has ended; the limit is for a test that is red.
        desk.wait(&accepted, Duration::from_secs(30)).await.unwrap()
    }

    async fn receipts(&mut self) -> Vec<i64> {
        let all = sqlx::query_scalar("SELECT receipt FROM ledger ORDER BY receipt");
        all.fetch_all(&mut self.ledger).await.unwrap()
    }
}

fn gateway(script: impl IntoIterator<Item = Step>) -> Gateway {
    Gateway(Arc::new(ScriptedProvider::new(script)))
}

#[tokio::test]
async fn a_busy_gateway_is_called_again_and_the_receipt_is_booked_once() {
    let gateway = gateway([Step::Unavailable, Step::Charge]);
    let mut service = Service::start(&gateway).await;
    assert_eq!(service.charge(1).await, Waited::Ok(1));
    assert_eq!(gateway.0.calls().len(), 2);
    assert_eq!(service.receipts().await, [1]);
}

#[tokio::test]
async fn a_lost_answer_is_found_and_not_charged_again() {
    let gateway = gateway([Step::ChargeAndNeverAnswer]);
    let mut service = Service::start(&gateway).await;
    assert_eq!(service.charge(1).await, Waited::Ok(1));
    assert_eq!((gateway.0.calls().len(), gateway.0.charged()), (1, 1));
    assert_eq!(service.receipts().await, [1]);
}

#[tokio::test]
async fn a_test_waits_for_the_call_and_not_for_a_time() {
    let gateway = gateway([Step::ChargeAndNeverAnswer]);
    let mut service = Service::start(&gateway).await;
    let desk = service.runtime.orchestrator().clone();
    let accepted = desk.accept(Charge { order: 1 }).await.unwrap();
    // An event instead of a sleep: the call has arrived.
    gateway.0.called(1).await;
    let waited = desk.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    assert_eq!(waited, Waited::Ok(1));
    assert_eq!(service.receipts().await, [1]);
}

/// Handler, reconcile and hook are ordinary functions.
#[tokio::test]
async fn each_function_by_itself() {
    let client = gateway([Step::Decline]);
    let command = Charge { order: 1 };
    let ctx = || <Context>::for_test(&command).unwrap();
    let state = || State::new(client.clone());
    let declined = charge(command.clone(), ctx(), state()).await;
    assert_eq!(declined, Err(ChargeError::Declined));
    assert_eq!(find(command.clone(), ctx(), state()).await, Reconciled::NotHappened);

    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::query(LEDGER).execute(&mut conn).await.unwrap();
    book(&mut conn, &FinalOutcome::Ok(7)).await.unwrap();
    let booked = sqlx::query_scalar("SELECT receipt FROM ledger").fetch_one(&mut conn).await;
    assert_eq!(booked.ok(), Some(7));
}

/// Two workers on one database: what one leaves, the other finishes.
#[tokio::test]
async fn two_runtimes_share_a_store() {
    let store = orch::memory::MemoryStore::new();
    let front = Runtime::on(store.clone()).without_worker().start().await.unwrap();
    let accepted = front.orchestrator().accept(Plain { number: 7 }).await.unwrap();
    let worker = Runtime::on(store).only([("SERVICE", "PLAIN")]).start().await.unwrap();
    let waited = front.orchestrator().wait(&accepted, Duration::from_secs(30)).await.unwrap();
    assert_eq!(waited, Waited::Ok(7));
    let _ = worker.shutdown().await;
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{number}")]
struct Plain {
    #[command(idem_key)]
    number: u64,
}

#[orchestrated(domain = "SERVICE", event = "PLAIN")]
async fn plain(cmd: Plain) -> Result<u64, std::convert::Infallible> {
    Ok(cmd.number)
}

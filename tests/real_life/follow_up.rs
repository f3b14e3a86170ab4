//! A follow-up inside the finalizing transaction: with the outcome or not at all.

use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::Instant;

use orch::prelude::*;
use orch::{AcceptError, Orchestrator, StoreError};
use orch_sqlite::SqliteStore;
use sqlx::SqliteConnection;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Pay {
    #[command(idem_key)]
    order: i64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Mail {
    #[command(idem_key)]
    order: i64,
}

static SHOP: OnceLock<(Orchestrator, SqliteStore)> = OnceLock::new();

#[orchestrated(domain = "FOLLOW_UP", event = "PAY", finalize = mail_it)]
async fn pay(_cmd: Pay, _ctx: Context) -> Result<String, Infallible> {
    Ok("paid".to_owned())
}

async fn mail_it(
    connection: &mut SqliteConnection,
    outcome: &FinalOutcome<String>,
) -> Result<(), AcceptError> {
    let (desk, store) = SHOP.get().unwrap();
    if matches!(outcome, FinalOutcome::Failed(_)) {
        return Ok(());
    }
    // By itself it would wait for the transaction that waits for this hook.
    let refused = desk.accept(Mail { order: 1 }).await;
    assert!(matches!(refused, Err(AcceptError::Store(StoreError::InsideHook))));
    desk.accept(Mail { order: 7 }).within(store, connection).await.map(drop)
}

#[orchestrated(domain = "FOLLOW_UP", event = "MAIL")]
async fn mail(cmd: Mail, _ctx: Context) -> Result<i64, Infallible> {
    Ok(cmd.order)
}

#[tokio::test]
async fn a_hook_accepts_in_its_own_transaction_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("a.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    let runtime = Runtime::on(store.clone())
        .only([("FOLLOW_UP", "PAY"), ("FOLLOW_UP", "MAIL")])
        .start()
        .await
        .unwrap();
    let desk = runtime.orchestrator().clone();
    SHOP.set((desk.clone(), store)).ok().unwrap();
    let began = Instant::now();
    let paid = desk.accept(Pay { order: 7 }).await.unwrap();
    let waited = desk.wait(&paid, Duration::from_secs(20)).await.unwrap();
    assert!(matches!(waited, Waited::Ok(text) if text == "paid"));
    // The same request finds the follow-up, which is there as soon as the outcome is.
    let mailed = desk.accept(Mail { order: 7 }).await.unwrap();
    assert_eq!(mailed.disposition, Disposition::Replayed);
    let waited = desk.wait(&mailed, Duration::from_secs(20)).await.unwrap();
    assert!(matches!(waited, Waited::Ok(7)));
    // A hook that waits for itself is given up after 5 s.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

//! A hook that accepts the next operation in its own transaction.

use std::convert::Infallible;

use orch::prelude::*;
use orch::{AcceptError, ListParams, Orchestrator, StartError};
use orch_sqlite::SqliteStore;
use sqlx::SqliteConnection;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{id}")]
struct Order {
    #[command(idem_key)]
    id: u64,
}

#[orchestrated(domain = "FOLLOW_UP", event = "ORDER", finalize = then_mail)]
async fn order(cmd: Order) -> Result<String, Infallible> {
    Ok(format!("receipt {}", cmd.id))
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "MAIL-{about}")]
struct Mail {
    #[command(idem_key)]
    about: String,
    text: String,
}

#[orchestrated(domain = "FOLLOW_UP", event = "MAIL")]
async fn mail(cmd: Mail) -> Result<String, Infallible> {
    Ok(cmd.text)
}

async fn then_mail(
    conn: &mut SqliteConnection,
    ended: &FinalOutcome<String>,
    of: &Envelope,
    orchestrator: State<Orchestrator>,
    store: State<SqliteStore>,
) -> Result<(), AcceptError> {
    let FinalOutcome::Ok(text) = ended else { return Ok(()) };
    let mail = Mail { about: of.op_id.to_string(), text: text.clone() };
    orchestrator.accept(mail).within(&*store, conn).await?;
    Ok(())
}

const KINDS: [(&str, &str); 2] = [("FOLLOW_UP", "ORDER"), ("FOLLOW_UP", "MAIL")];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hook_accepts_in_its_transaction_runs_next() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("orch.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    let front = Runtime::on(store.clone()).without_worker().start().await.unwrap();
    let orchestrator = front.orchestrator();
    let worker = Runtime::on(store.clone()).only(KINDS).state(orchestrator.clone()).state(store);
    let worker = worker.start().await.unwrap();
    let accepted = orchestrator.accept(Order { id: 7 }).await.unwrap();
    let receipt = "receipt 7".to_owned();
    let patience = Duration::from_secs(20);
    assert_eq!(orchestrator.wait(&accepted, patience).await.unwrap(), Waited::Ok(receipt.clone()));
    let mail = Mail { about: accepted.op_id.to_string(), text: receipt.clone() };
    let again = orchestrator.accept(mail).await.unwrap();
    assert_eq!(again.disposition, Disposition::Replayed, "the hook has accepted it");
    assert_eq!(orchestrator.wait(&again, patience).await.unwrap(), Waited::Ok(receipt));
    assert_eq!(orchestrator.list(ListParams::default()).await.unwrap().items.len(), 2);
    let _ = worker.shutdown().await;
}

#[tokio::test]
async fn a_state_that_only_a_hook_takes_is_missed_at_the_start() {
    let starting = Runtime::connect("memory:").only(KINDS).start();
    let error = starting.await.unwrap_err();
    assert!(matches!(error, StartError::MissingState { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("follow_up::order") && text.contains("Orchestrator"), "{text}");
}

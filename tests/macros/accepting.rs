//! The time budget of what is accepted: the caller's, else the handler's, else the default.

use std::convert::Infallible;

use orch::Orchestrator;
use orch::prelude::*;
use orch_sqlite::SqliteStore;
use sqlx::{Connection, SqliteConnection};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Patient {
    #[command(idem_key)]
    id: u32,
}

#[orchestrated(domain = "ACCEPTING", event = "PATIENT", time_budget = "1h")]
async fn patient(_cmd: Patient) -> Result<(), Infallible> {
    Ok(())
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{id}")]
struct Plain {
    #[command(idem_key)]
    id: u32,
}

#[orchestrated(domain = "ACCEPTING", event = "PLAIN")]
async fn plain(_cmd: Plain) -> Result<(), Infallible> {
    Ok(())
}

async fn time_budget<C>(orchestrator: &Orchestrator, accepted: Accepted<C>) -> Duration {
    let operation = orchestrator.get(accepted.op_id).await.unwrap().unwrap();
    operation.deadline.since(operation.accepted_at)
}

#[tokio::test]
async fn an_accept_that_says_nothing_has_the_handlers_time_budget() {
    let runtime = Runtime::connect("memory:").without_worker().start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let accepted = orchestrator.accept(Patient { id: 1 }).await.unwrap();
    assert_eq!(time_budget(orchestrator, accepted).await, Duration::from_secs(60 * 60));
    let accepted = orchestrator.accept(Plain { id: 1 }).await.unwrap();
    assert_eq!(time_budget(orchestrator, accepted).await, Duration::from_secs(5 * 60));
}

#[tokio::test]
async fn what_the_accept_says_comes_first() {
    let runtime = Runtime::connect("memory:").without_worker().start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let minute = Duration::from_secs(60);
    let accepted = orchestrator.accept(Patient { id: 1 }).time_budget(minute).await.unwrap();
    assert_eq!(time_budget(orchestrator, accepted).await, minute);
}

#[tokio::test]
async fn an_accept_within_a_transaction_has_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("orch.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    let runtime = Runtime::on(store.clone()).without_worker().start().await.unwrap();
    let orchestrator = runtime.orchestrator();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let accept = orchestrator.accept(Patient { id: 1 });
    let accepted = accept.within(&store, &mut connection).await.unwrap();
    assert_eq!(time_budget(orchestrator, accepted).await, Duration::from_secs(60 * 60));
}

#[tokio::test]
async fn a_handler_in_a_unit_test_has_it_too() {
    let ctx = <Context>::for_test(&Patient { id: 1 }).unwrap();
    assert_eq!(ctx.deadline().since(ctx.accepted_at()), Duration::from_secs(60 * 60));
}

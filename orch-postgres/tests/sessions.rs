//! Sessions that end, that may not begin again, or whose tables change: none of it is about the call.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use orch_core::flow::Recorder;
use orch_core::store::{Claimed, Finalized, Store, StoreError};
use orch_core::words::FinalOutcome;
use orch_postgres::PostgresStore;
use orch_testkit::fixture::{acceptance, claim_params, ended, ok, output, owner, policy};
use sqlx::PgConnection;

use common::{Schema, connect, execute, number, server};

/// Who may not log in any more, and whose sessions are ended: a rotated password, a database that is
/// closed for a restore.
async fn locked_out(admin: &mut PgConnection, role: &str, meanwhile: impl Future<Output = ()>) {
    let end = format!(
        "ALTER ROLE {role} NOLOGIN;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    );
    execute(admin, &end).await;
    meanwhile.await;
    execute(admin, &format!("ALTER ROLE {role} LOGIN")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_does_not_cost_the_answer_of_a_call() {
    let schema = Schema::create().await;
    let role = format!("r{}", schema.name);
    let mut admin = schema.connect().await;
    execute(&mut admin, &format!("CREATE ROLE {role} LOGIN SUPERUSER")).await;
    let url = schema.url("").replacen("//postgres@", &format!("//{role}@"), 1);
    let store = Arc::new(PostgresStore::open(&url).await.unwrap());
    let batcher = Recorder::start(&(Arc::clone(&store) as Arc<dyn Store>));
    store.accept(vec![acceptance("key")]).await.unwrap();
    let claimed = store.claim(claim_params([policy()])).await.unwrap();
    let [Claimed::Operation(operation)] = &claimed[..] else { panic!("{claimed:?}") };
    let answer = ended(operation.claim(), ok("the only receipt"));
    let mut stored = None;
    locked_out(&mut admin, &role, async {
        let refused = store.get(&owner(), operation.envelope.op_id).await.unwrap_err();
        assert!(!refused.is_transient() && !refused.is_about_an_item(), "{refused:?}");
        stored = Some(tokio::spawn(async move { batcher.record(answer, None).await }));
        tokio::time::sleep(Duration::from_millis(600)).await;
    })
    .await;
    let stored = stored.unwrap().await.unwrap().unwrap();
    assert_eq!(stored, Finalized::Finished(FinalOutcome::Ok(output("the only receipt"))));
}

/// The application's own migration changes a table under a live connection.
#[tokio::test]
async fn a_table_that_changes_under_a_live_connection_is_no_lasting_error() {
    let schema = Schema::create().await;
    let store = schema.store("&orch_connections=1").await;
    let item = acceptance("key");
    store.accept(vec![item.clone()]).await.unwrap();
    let get = async || store.get(&owner(), item.op_id).await;
    assert!(get().await.unwrap().is_some());
    let mut admin = schema.connect().await;
    execute(
        &mut admin,
        "ALTER VIEW orch_status RENAME TO before;
         CREATE VIEW orch_status AS SELECT *, 1 AS more FROM before",
    )
    .await;
    let first = get().await;
    assert!(first.is_ok() || first.as_ref().is_err_and(StoreError::is_transient), "{first:?}");
    assert!(get().await.unwrap().is_some());
}

/// A server, a pooler or a firewall ends connections that are idle.
#[tokio::test]
async fn a_session_that_was_ended_while_idle_is_not_the_callers_error() {
    let schema = Schema::create().await;
    let store = schema.store(&format!("&application_name={}", schema.name)).await;
    let item = acceptance("key");
    store.accept(vec![item.clone()]).await.unwrap();
    let mut admin = connect(&server()).await;
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = '{}'",
        schema.name
    );
    for _ in 0..3 {
        assert!(number(&mut admin, &end).await > 0);
        assert!(store.get(&owner(), item.op_id).await.unwrap().is_some());
    }
}

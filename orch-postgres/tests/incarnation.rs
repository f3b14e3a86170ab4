//! A live store notices that the server behind its connection is another one, or went back.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::time::Duration;

use orch_core::policies::KindPolicy;
use orch_core::store::{
    Claim, Claimed, ConfirmParams, Confirmed, EndedAttempt, Store, SweepParams,
};
use orch_core::words::{Confirmation, Incarnation, OpId, Status};
use orch_postgres::PostgresStore;
use orch_testkit::fixture::{
    acceptance, claim_params, ended, kind, ok, owner, policy, retry, sweep_params,
};
use sqlx::PgConnection;

use common::cluster::Cluster;
use common::{Schema, connect, execute, new_name, number, server, url_into, url_of};

/// What a worker claims whose one kind is unsafe to repeat.
async fn claimed(store: &PostgresStore) -> Vec<OpId> {
    let params = claim_params([policy()]);
    let op_id = |claimed| match claimed {
        Claimed::Operation(operation) => operation.envelope.op_id,
        Claimed::Undecodable { op_id, .. } | Claimed::Refused { op_id, .. } => op_id,
    };
    store.claim(params).await.unwrap().into_iter().map(op_id).collect()
}

async fn accepted(store: &PostgresStore, key: &str) -> OpId {
    let item = acceptance(key);
    let op_id = item.op_id;
    store.accept(vec![item]).await.unwrap();
    op_id
}

async fn newest(store: &PostgresStore) -> Incarnation {
    store.incarnation().await.unwrap()
}

/// Lets the database remember another one than it is.
async fn becomes_another(admin: &mut PgConnection, what: &str) {
    execute(admin, &format!("UPDATE orch_incarnation SET {what} = {what} + 1")).await;
}

#[tokio::test]
async fn the_claim_of_a_live_store_notices_another_server() {
    for what in ["system_identifier", "timeline", "database"] {
        let schema = Schema::create().await;
        let store = schema.store("").await;
        accepted(&store, "k").await;
        becomes_another(&mut schema.connect().await, what).await;
        assert_eq!(claimed(&store).await, [], "{what}");
        assert_eq!(claimed(&store).await, [], "{what}");
        let Incarnation { number, confirmed, difference, .. } = newest(&store).await;
        assert_eq!((number, confirmed), (2, false), "{what}");
        assert!(difference.contains(&what.replace('_', " ")), "{difference}");
    }
}

#[tokio::test]
async fn the_sweep_of_a_live_store_ends_nothing_on_another_server() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let op_id = accepted(&store, "k").await;
    let mut admin = schema.connect().await;
    execute(&mut admin, "UPDATE orch_queue SET deadline = now() - interval '1 second'").await;
    becomes_another(&mut admin, "timeline").await;
    let params = || SweepParams { held_kinds: vec![kind()], ..sweep_params([policy()]) };
    assert_eq!(store.sweep_over_budget(params()).await.unwrap(), []);
    let operation = store.get(&owner(), op_id).await.unwrap().unwrap();
    assert_eq!(operation.status, Status::Pending);
}

/// A primary that comes back after its standby was promoted says what it said before.
#[tokio::test]
async fn a_live_store_refuses_an_incarnation_before_the_one_that_it_knows() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let mut admin = schema.connect().await;
    becomes_another(&mut admin, "timeline").await;
    confirmed_as(&store, Confirmation::Moved).await;
    accepted(&store, "k").await;
    assert_eq!(claimed(&store).await.len(), 1);
    // The server before the fail-over: it knows neither the incarnation nor the claim.
    let before = "DELETE FROM orch_incarnation WHERE number = 2;
        UPDATE orch_incarnation SET timeline = timeline - 1;
        UPDATE orch_queue SET status = 'PENDING', phase = NULL, lease_expires_at = NULL,
            worker = NULL, started_at = NULL, due_at = now() - interval '1 second'";
    execute(&mut admin, before).await;
    assert_eq!(claimed(&store).await, []);
    let Incarnation { number, confirmed, difference, .. } = newest(&store).await;
    assert_eq!((number, confirmed), (3, false));
    assert!(difference.contains("incarnation 1, was 2"), "{difference}");
    assert_eq!(claimed(&store).await, []);
    // Number 2 is not there.
    confirmed_as(&store, Confirmation::Moved).await;
    assert_eq!(newest(&store).await.whole_since, 1);
    assert_eq!(claimed(&store).await.len(), 1);
}

async fn confirmed_as(store: &PostgresStore, confirmation: Confirmation) {
    let Incarnation { number, opened_at, confirmed, .. } = newest(store).await;
    let (who, why) = ("kim".to_owned(), "a disk was lost".to_owned());
    let params = ConfirmParams { number, opened_at, confirmed, confirmation, who, why };
    let answer = store.confirm(params).await.unwrap();
    assert!(matches!(answer, Confirmed::Confirmed { .. }), "{answer:?}");
}

/// The same server, the same timeline, older data: only who was there before can tell.
#[tokio::test]
async fn a_live_store_notices_that_its_server_went_back() {
    let cluster = Cluster::start_new();
    let store = PostgresStore::open(&cluster.url()).await.unwrap();
    let first = accepted(&store, "first").await;
    cluster.stop();
    cluster.back_up();
    cluster.start();
    let second = accepted(&store, "second").await;
    let claims = claimed(&store).await;
    assert_eq!(claims.len(), 2, "{claims:?}");
    // Both are called, and what is known of it is lost.
    cluster.stop();
    cluster.restore();
    cluster.start();
    assert_eq!(claimed(&store).await, []);
    let Incarnation { number, confirmed, difference, .. } = newest(&store).await;
    assert_eq!((number, confirmed), (2, false));
    assert!(difference.contains("WAL position"), "{difference}");
    let operation = store.get(&owner(), first).await.unwrap().unwrap();
    assert_eq!(operation.status, Status::Pending);
    assert_eq!(store.get(&owner(), second).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_only_crashed_is_the_same() {
    let cluster = Cluster::start_new();
    let store = PostgresStore::open(&cluster.url()).await.unwrap();
    let op_id = accepted(&store, "k").await;
    assert_eq!(claimed(&store).await, [op_id]);
    cluster.crash_and_restart();
    let other = accepted(&store, "other").await;
    assert_eq!(claimed(&store).await, [other]);
    assert_eq!(newest(&store).await.number, 1);
}

#[tokio::test]
async fn a_copy_in_another_database_is_noticed() {
    let mut admin = connect(&server()).await;
    let (original, copy) = (new_name(), new_name());
    execute(&mut admin, &format!("CREATE DATABASE {original}")).await;
    let store = PostgresStore::open(&url_of(&server(), &original)).await.unwrap();
    let op_id = accepted(&store, "k").await;
    drop(store);
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{original}'"
    );
    execute(&mut admin, &end).await;
    execute(&mut admin, &format!("CREATE DATABASE {copy} TEMPLATE {original}")).await;
    let copied = PostgresStore::open(&url_of(&server(), &copy)).await.unwrap();
    assert_eq!(claimed(&copied).await, []);
    let seen = newest(&copied).await;
    assert!(!seen.confirmed && seen.difference.contains("database"), "{seen:?}");
    let store = PostgresStore::open(&url_of(&server(), &original)).await.unwrap();
    assert_eq!(claimed(&store).await, [op_id]);
    for name in [original, copy] {
        execute(&mut admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

/// Not every service that speaks the protocol has these functions.
#[tokio::test]
async fn a_server_that_does_not_tell_works_and_a_change_can_be_reported() {
    let mut admin = connect(&server()).await;
    let name = new_name();
    execute(&mut admin, &format!("CREATE DATABASE {name}")).await;
    let mut inside = connect(&url_of(&server(), &name)).await;
    let role = format!(
        "CREATE ROLE {name} LOGIN; CREATE SCHEMA s AUTHORIZATION {name};
         REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"
    );
    execute(&mut inside, &role).await;
    let url = url_into(&url_of(&server(), &name), "s", "");
    let store =
        PostgresStore::open(&url.replacen("//postgres@", &format!("//{name}@"), 1)).await.unwrap();
    let op_id = accepted(&store, "k").await;
    assert_eq!(claimed(&store).await, [op_id]);
    let told = "SELECT count(system_identifier) FROM s.orch_incarnation";
    assert_eq!(number(&mut inside, told).await, 0);
    confirmed_as(&store, Confirmation::Restored).await;
    assert_eq!(newest(&store).await.number, 2);
    drop(store);
    execute(&mut admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    execute(&mut admin, &format!("DROP ROLE {name}")).await;
}

#[tokio::test]
async fn two_that_notice_at_once_open_one_incarnation() {
    let schema = Schema::create().await;
    let (one, two) = (schema.store("").await, schema.store("").await);
    becomes_another(&mut schema.connect().await, "timeline").await;
    let (first, second) = tokio::join!(newest(&one), newest(&two));
    assert_eq!((first.number, second), (2, first));
}

#[tokio::test]
async fn what_was_finished_before_a_change_stays_so() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let op_id = accepted(&store, "k").await;
    let params = claim_params([policy()]);
    let [Claimed::Operation(operation)] = &store.claim(params).await.unwrap()[..] else {
        panic!("one claim was expected")
    };
    store.settle(vec![ended(operation.claim(), ok("paid"))]).await.unwrap();
    becomes_another(&mut schema.connect().await, "timeline").await;
    assert_eq!(newest(&store).await.number, 2);
    let operation = store.get(&owner(), op_id).await.unwrap().unwrap();
    assert_eq!(operation.status, Status::Completed);
}

/// Logical replication copies rows and no sequences.
#[tokio::test]
async fn a_history_keeps_its_order_after_a_cut_over_by_logical_replication() {
    for (grant, order) in [("GRANT", [1, 2, 3, 4, 5]), ("REVOKE", [1, 4, 2, 5, 3])] {
        let schema = Schema::create().await;
        let store = schema.store("").await;
        let mut admin = schema.connect().await;
        let op_id = accepted(&store, "k").await;
        let end = |claim| EndedAttempt { delay: Duration::ZERO, ..ended(claim, retry("busy")) };
        for _ in 0..3 {
            store.settle(vec![end(claim_of(&store).await)]).await.unwrap();
        }
        let cut_over = "ALTER TABLE orch_write_ahead_log ALTER COLUMN seq RESTART";
        execute(&mut admin, cut_over).await;
        becomes_another(&mut admin, "system_identifier").await;
        let url = as_plain_role(&schema, &mut admin, grant).await;
        let store = PostgresStore::open(&url).await.unwrap();
        store.sweep_earlier(sweep_params([policy()])).await.unwrap();
        store.settle(vec![ended(claim_of(&store).await, ok("paid"))]).await.unwrap();
        let history = store.history(&owner(), op_id).await.unwrap();
        let fences: Vec<i64> = history.iter().map(|entry| entry.fence.count()).collect();
        assert_eq!(fences, order, "{grant}");
    }
}

async fn claim_of(store: &PostgresStore) -> Claim {
    let many = KindPolicy { max_attempts: 9, ..policy() };
    match &store.claim(claim_params([many])).await.unwrap()[..] {
        [Claimed::Operation(operation)] => operation.claim(),
        other => panic!("one claim was expected: {other:?}"),
    }
}

/// A URL with a role that may use the tables, and move the sequence of the log or not.
async fn as_plain_role(schema: &Schema, admin: &mut PgConnection, grant: &str) -> String {
    let Schema { name } = schema;
    let grants = format!(
        "CREATE ROLE {name} LOGIN; GRANT USAGE ON SCHEMA {name} TO {name};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {name};
         {grant} SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {name} {} {name}",
        if grant == "GRANT" { "TO" } else { "FROM" }
    );
    execute(admin, &grants).await;
    schema.url("").replacen("//postgres@", &format!("//{name}@"), 1)
}

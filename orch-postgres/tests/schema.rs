//! The schema: brought up to date once, by whoever comes first, and kept by the server.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::time::Duration;

use orch_core::store::{Acceptance, Admitted, Claimed, RedriveParams, Redriven, Store, StoreError};
use orch_core::words::OpId;
use orch_postgres::PostgresStore;
use orch_testkit::fixture::{acceptance, claim_params, ended, fail, ok, owner, policy};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::task::JoinSet;

use common::{Schema, execute, number};

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_that_start_at_once_migrate_once() {
    let schema = Schema::create().await;
    let mut all = JoinSet::new();
    for _ in 0..16 {
        let url = schema.url("");
        all.spawn(async move { PostgresStore::open(&url).await.map(drop) });
    }
    while let Some(opened) = all.join_next().await {
        opened.unwrap().unwrap();
    }
    let mut admin = schema.connect().await;
    assert_eq!(number(&mut admin, "SELECT count(*) FROM orch_migration").await, 13);
    // Each in a transaction of its own, so that no lock outlives the migration that needs it.
    let transactions = "SELECT count(DISTINCT xmin::text) FROM orch_migration";
    assert_eq!(number(&mut admin, transactions).await, 13);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let mut admin = schema.connect().await;
    execute(&mut admin, "INSERT INTO orch_migration (version) VALUES (14)").await;
    let error = PostgresStore::open(&schema.url("")).await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaTooNew { found: 14, known: 13 }), "{error:?}");
    assert!(error.to_string().contains("deploy the newer release"), "{error}");
    let again = store.migrate().await.unwrap_err();
    assert!(matches!(again, StoreError::SchemaTooNew { .. }), "{again:?}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    let schema = Schema::create().await;
    let mut admin = schema.connect().await;
    execute(&mut admin, "CREATE TABLE orch_dead_letter (in_the_way text)").await;
    PostgresStore::open(&schema.url("")).await.unwrap_err();
    let tables = "SELECT count(*) FROM pg_class WHERE relname LIKE 'orch%' AND relkind = 'r'
        AND relnamespace = current_schema()::regnamespace";
    assert_eq!(number(&mut admin, tables).await, 1);
    execute(&mut admin, "DROP TABLE orch_dead_letter").await;
    PostgresStore::open(&schema.url("")).await.unwrap();
}

/// What the first release has left.
async fn of_the_first_release(schema: &Schema) -> PgConnection {
    let mut admin = schema.connect().await;
    let history = "CREATE TABLE orch_migration (
            version bigint NOT NULL PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        INSERT INTO orch_migration (version) VALUES (1)";
    execute(&mut admin, include_str!("../migrations/0001_operation.sql")).await;
    execute(&mut admin, history).await;
    admin
}

#[tokio::test]
async fn who_may_read_the_view_still_may_after_a_migration() {
    let schema = Schema::create().await;
    let mut admin = of_the_first_release(&schema).await;
    let (owner, reader) = (format!("{}_owner", schema.name), format!("{}_reader", schema.name));
    let granted = format!(
        "CREATE ROLE {owner}; CREATE ROLE {reader}; GRANT SELECT ON orch_status TO {reader};
         GRANT CREATE ON SCHEMA {} TO {owner}; ALTER VIEW orch_status OWNER TO {owner}",
        schema.name
    );
    execute(&mut admin, &granted).await;
    PostgresStore::open(&schema.url("")).await.unwrap();
    for role in [owner, reader] {
        let may =
            format!("SELECT has_table_privilege('{role}', 'orch_status', 'SELECT')::int::bigint");
        assert_eq!(number(&mut admin, &may).await, 1, "{role}");
    }
}

/// Rights that were given on the tables of the first release, and none by default on later ones.
#[tokio::test]
async fn who_may_write_the_tables_still_may_after_a_migration() {
    let schema = Schema::create().await;
    let mut admin = of_the_first_release(&schema).await;
    let role = format!("{}_writer", schema.name);
    let granted = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {0} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {0} TO {role}",
        schema.name
    );
    execute(&mut admin, &granted).await;
    PostgresStore::open(&schema.url("")).await.unwrap();
    let store = common::store_as(&schema.url(""), &role).await;
    for unique in [false, true] {
        let item = Acceptance { unique, ..acceptance(&format!("key-{unique}")) };
        let op_id = item.op_id;
        assert_eq!(store.accept(vec![item]).await.unwrap(), [Admitted::Created { op_id }]);
        let claimed = store.claim(claim_params([policy()])).await.unwrap();
        let [Claimed::Operation(claimed)] = &claimed[..] else { panic!("{claimed:?}") };
        store.settle(vec![ended(claimed.claim(), fail("REFUSED"))]).await.unwrap();
        let (owner, new_op_id) = (owner(), OpId::generate());
        let again = RedriveParams { op_id, owner, new_op_id, even_if_uncertain: false };
        let redriven = store.redrive(again).await.unwrap();
        assert_eq!(redriven, Redriven::Created { op_id: new_op_id });
        let claimed = store.claim(claim_params([policy()])).await.unwrap();
        let [Claimed::Operation(claimed)] = &claimed[..] else { panic!("{claimed:?}") };
        store.settle(vec![ended(claimed.claim(), fail("REFUSED"))]).await.unwrap();
    }
}

/// A statement waits behind a migration that waits for a long transaction, such as a dump.
#[tokio::test]
async fn a_migration_that_has_to_wait_lets_others_through() {
    let schema = Schema::create().await;
    let mut dump = of_the_first_release(&schema).await;
    execute(&mut dump, "BEGIN; SELECT FROM orch_queue").await;
    let url = schema.url("");
    let migrating = tokio::spawn(async move { PostgresStore::open(&url).await.map(drop) });
    let mut admin = schema.connect().await;
    let waiting = "SELECT count(*) FROM pg_locks
        WHERE NOT granted AND relation = 'orch_queue'::regclass";
    while number(&mut admin, waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let others = number(&mut admin, "SELECT count(*) FROM orch_queue");
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), others).await, Ok(0));
    execute(&mut dump, "COMMIT").await;
    migrating.await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_changes_what_is_terminal() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    store.accept(vec![acceptance("key")]).await.unwrap();
    let claimed = store.claim(claim_params([policy()])).await.unwrap();
    let orch_core::store::Claimed::Operation(attempt) = &claimed[0] else { panic!() };
    let envelope = &attempt.envelope;
    let claim = orch_core::store::Claim { op_id: envelope.op_id, fence: envelope.fence };
    store.settle(vec![ended(claim, ok("done"))]).await.unwrap();
    let mut admin = schema.connect().await;
    for change in [
        "UPDATE orch_write_ahead_log SET outcome = 'FAIL', output = NULL",
        "UPDATE orch_operation SET payload = ''",
        "INSERT INTO orch_write_ahead_log (op_id, fence, late, attempt, source, outcome, status,
                                           output, logged_at, finished_at)
         SELECT op_id, fence + 1, false, attempt, source, outcome, status, output, logged_at,
                finished_at FROM orch_write_ahead_log",
    ] {
        let error = refused(&mut admin, change).await;
        assert!(error.contains("final") || error.contains("one_outcome"), "{error}");
    }
}

#[tokio::test]
async fn rows_that_make_no_sense_are_refused() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    store.accept(vec![acceptance("key")]).await.unwrap();
    let mut admin = schema.connect().await;
    for (change, rule) in [
        ("status = 'COMPLETED'", "state_is_unfinished"),
        ("phase = 'asleep', status = 'IN_PROGRESS', due_at = NULL", "phase_is_known"),
        ("phase = 'waiting'", "phase_iff_in_progress"),
        ("worker = 'w'", "worker_iff_lease"),
        ("due_at = NULL", "due_when_pending_or_waiting"),
        ("status = 'IN_PROGRESS', phase = 'running'", "due_only_when_claimable"),
        (
            "status = 'IN_PROGRESS', phase = 'parked', due_at = NULL, worker = 'w',
             lease_expires_at = now()",
            "lease_only_when_held",
        ),
    ] {
        let error = refused(&mut admin, &format!("UPDATE orch_queue SET {change}")).await;
        assert!(error.contains(rule), "{change}: {error}");
    }
}

async fn refused(admin: &mut PgConnection, sql: &str) -> String {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(admin).await.unwrap_err().to_string()
}

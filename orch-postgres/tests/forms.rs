//! Forms of an identity beside transactions that are under way, and transactions that are stricter than
//! READ COMMITTED.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::time::Duration;

use orch_core::store::{AcceptIn, Acceptance, Admitted, Store, StoreError};
use orch_core::words::{BizKey, Command, IdentityForm};
use orch_testkit::fixture::{acceptance, kind};
use sqlx::{Connection, PgConnection};

use common::{Schema, execute, number};

const FIRST: IdentityForm = IdentityForm { number: 1, keys: "biz_key = \"{order_id}\"" };
const SECOND: IdentityForm = IdentityForm { number: 2, keys: "biz_key = \"{shop}-{order_id}\"" };

fn first(key: &str) -> Acceptance {
    Acceptance { form: Some(FIRST), ..acceptance(key) }
}

fn second(key: &str) -> Acceptance {
    let command = Command::new("PAYMENT", "CHARGE", "SHOP-ORDER-1", key, "{}").unwrap();
    let earlier = vec![acceptance(key).command.biz_key().clone()];
    assert_eq!(earlier, [BizKey::new("ORDER-1").unwrap()]);
    Acceptance { command, earlier, form: Some(SECOND), ..acceptance(key) }
}

/// Waits until a session of this schema's waits for a lock.
async fn until_one_waits(admin: &mut PgConnection, statement: &str) {
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{statement}%'
         AND query NOT LIKE '%pg_stat_activity%'"
    );
    let is_waiting = async {
        while number(admin, &waits).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_waiting).await.expect("nobody waits");
}

/// The accept has been sent before the form is raised, and gets its lock afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn an_accept_that_waits_for_a_later_form_reads_it() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    store.identify(&kind(), FIRST).await.unwrap();
    // Prepared, and run often enough for a plan that is kept.
    for n in 0..10 {
        store.accept(vec![first(&format!("before-{n}"))]).await.unwrap();
    }
    let (mut admin, mut raising) = (schema.connect().await, schema.connect().await);
    let mut raising = raising.begin().await.unwrap();
    let raise = "LOCK TABLE orch_operation IN SHARE MODE;
                 UPDATE orch_identity_form SET number = 2, keys = 'biz_key = \"{shop}-{order_id}\"'";
    execute(&mut raising, raise).await;
    let accepting = {
        let store = store.clone();
        tokio::spawn(async move { store.accept(vec![first("key")]).await.unwrap().remove(0) })
    };
    until_one_waits(&mut admin, "S1, operations and their queue entries").await;
    raising.commit().await.unwrap();
    let answer = accepting.await.unwrap();
    assert_eq!(answer, Admitted::OtherForm { stored: Some(SECOND.into()) });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_form_waits_for_accepts_that_are_under_way() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    store.identify(&kind(), FIRST).await.unwrap();
    let (mut admin, mut connection) = (schema.connect().await, schema.connect().await);
    let mut outbox = connection.begin().await.unwrap();
    let item = first("key");
    let op_id = item.op_id;
    store.accept_in(&mut outbox, item).await.unwrap();
    let raising = {
        let store = store.clone();
        tokio::spawn(async move { store.identify(&kind(), SECOND).await })
    };
    until_one_waits(&mut admin, "orch_raise_identity_form").await;
    outbox.commit().await.unwrap();
    assert_eq!(raising.await.unwrap().unwrap(), SECOND.into());
    let again = store.accept(vec![second("key")]).await.unwrap();
    assert_eq!(again, [Admitted::Replayed { op_id }]);
}

/// Accepts of all kinds wait behind it meanwhile: not for long.
#[tokio::test]
async fn a_later_form_gives_up_behind_a_long_transaction() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    store.identify(&kind(), FIRST).await.unwrap();
    let mut connection = schema.connect().await;
    let mut outbox = connection.begin().await.unwrap();
    store.accept_in(&mut outbox, first("key")).await.unwrap();
    let error = store.identify(&kind(), SECOND).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    outbox.rollback().await.unwrap();
    assert_eq!(store.identify(&kind(), SECOND).await.unwrap(), SECOND.into());
}

/// It would hold up every accept until it commits; and what it does not see could have been accepted in the
/// earlier form.
#[tokio::test]
async fn a_later_form_is_not_stored_inside_the_callers_transaction() {
    for isolation in ["READ COMMITTED", "REPEATABLE READ"] {
        let schema = Schema::create().await;
        let store = schema.store("").await;
        let mut connection = schema.connect().await;
        begin(&mut connection, isolation).await;
        let form = store.identify_in(&mut connection, &kind(), FIRST).await.unwrap();
        assert_eq!(form, FIRST.into(), "the first may be");
        execute(&mut connection, "COMMIT").await;
        begin(&mut connection, isolation).await;
        let answer = store.accept_in(&mut connection, second("key")).await.unwrap();
        assert_eq!(answer, Admitted::OtherForm { stored: Some(FIRST.into()) });
        let error = store.identify_in(&mut connection, &kind(), SECOND).await.unwrap_err();
        assert!(error.to_string().contains("start a worker"), "{error}");
        execute(&mut connection, "COMMIT").await;
        assert_eq!(store.forms().await.unwrap(), [(kind(), FIRST.into())]);
    }
}

/// A transaction in this isolation, whose view of the database is from now.
async fn begin(connection: &mut PgConnection, isolation: &str) {
    execute(connection, &format!("BEGIN ISOLATION LEVEL {isolation}")).await;
    number(connection, "SELECT count(*) FROM orch_operation").await;
}

#[tokio::test]
async fn a_stricter_transaction_does_not_accept_in_a_form_of_the_past() {
    for isolation in ["REPEATABLE READ", "SERIALIZABLE"] {
        let schema = Schema::create().await;
        let store = schema.store("").await;
        store.identify(&kind(), FIRST).await.unwrap();
        let mut connection = schema.connect().await;
        begin(&mut connection, isolation).await;
        store.identify(&kind(), SECOND).await.unwrap();
        let error = store.accept_in(&mut connection, first("key")).await.unwrap_err();
        assert!(matches!(error, StoreError::Outdated(_)), "{error:?}");
        execute(&mut connection, "ROLLBACK").await;
        begin(&mut connection, isolation).await;
        let answer = store.accept_in(&mut connection, second("key")).await.unwrap();
        assert!(matches!(answer, Admitted::Created { .. }), "{answer:?}");
        execute(&mut connection, "COMMIT").await;
    }
}

/// Nor one that was stored for the first time since.
#[tokio::test]
async fn a_stricter_transaction_does_not_store_a_form_over_one_that_it_does_not_see() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let mut connection = schema.connect().await;
    begin(&mut connection, "REPEATABLE READ").await;
    store.identify(&kind(), SECOND).await.unwrap();
    let answer = store.accept_in(&mut connection, first("key")).await.unwrap();
    assert_eq!(answer, Admitted::OtherForm { stored: None });
    let error = store.identify_in(&mut connection, &kind(), FIRST).await.unwrap_err();
    assert!(matches!(error, StoreError::Outdated(_)), "{error:?}");
}

/// The request was accepted since the transaction began. Asked again in it, it would fail for ever.
#[tokio::test]
async fn a_stricter_transaction_is_told_to_begin_again() {
    for isolation in ["REPEATABLE READ", "SERIALIZABLE"] {
        let schema = Schema::create().await;
        let store = schema.store("").await;
        let mut connection = schema.connect().await;
        begin(&mut connection, isolation).await;
        let item = acceptance("key");
        let op_id = item.op_id;
        store.accept(vec![item]).await.unwrap();
        let error = store.accept_in(&mut connection, acceptance("key")).await.unwrap_err();
        assert!(matches!(error, StoreError::Outdated(_)), "{error:?}");
        assert!(error.to_string().contains("run all of it again"), "{error}");
        execute(&mut connection, "ROLLBACK").await;
        begin(&mut connection, isolation).await;
        let answer = store.accept_in(&mut connection, acceptance("key")).await.unwrap();
        assert_eq!(answer, Admitted::Replayed { op_id });
        execute(&mut connection, "COMMIT").await;
    }
}

/// It takes its locks in the order in which a later form does: the table, then the row. The other way round
/// the two wait for each other.
#[tokio::test(flavor = "multi_thread")]
async fn a_stricter_transaction_and_a_later_form_do_not_wait_for_each_other() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    store.identify(&kind(), FIRST).await.unwrap();
    let (mut admin, mut raising) = (schema.connect().await, schema.connect().await);
    let mut connection = schema.connect().await;
    begin(&mut connection, "REPEATABLE READ").await;
    execute(&mut raising, "BEGIN; LOCK TABLE orch_operation IN SHARE MODE").await;
    let accepting =
        tokio::spawn(async move { store.accept_in(&mut connection, first("key")).await });
    until_one_waits(&mut admin, "orch_operation").await;
    let raise =
        "SET LOCAL lock_timeout = '500ms'; UPDATE orch_identity_form SET number = 2; COMMIT";
    execute(&mut raising, raise).await;
    let error = accepting.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Outdated(_)), "{error:?}");
}

/// A role that may only insert stores the first form; a later one is for one that runs workers.
#[tokio::test]
async fn a_later_form_is_for_roles_that_may_change_operations() {
    let schema = Schema::create().await;
    schema.store("").await;
    let mut admin = schema.connect().await;
    let role = format!("{}_front", schema.name);
    let granted = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {0} TO {role};
         GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {0} TO {role};
         REVOKE UPDATE ON {0}.orch_operation FROM {role};
         GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {0} TO {role}",
        schema.name
    );
    execute(&mut admin, &granted).await;
    let front = common::store_as(&schema.url(""), &role).await;
    assert_eq!(front.identify(&kind(), FIRST).await.unwrap(), FIRST.into());
    front.accept(vec![first("key")]).await.unwrap();
    let error = front.identify(&kind(), SECOND).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
}

/// Such a role needs no INSERT on operations, and its start stores the forms of its kinds.
#[tokio::test]
async fn a_role_that_runs_workers_only_may_store_forms_after_a_migration() {
    let schema = Schema::create().await;
    let mut admin = schema.connect().await;
    let before = [
        include_str!("../migrations/0001_operation.sql"),
        "CREATE TABLE orch_migration (version bigint NOT NULL PRIMARY KEY,
             applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
         INSERT INTO orch_migration (version) VALUES (1)",
    ];
    for sql in before {
        execute(&mut admin, sql).await;
    }
    let role = format!("{}_worker", schema.name);
    let granted = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {0} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {0} TO {role};
         REVOKE INSERT ON {0}.orch_operation FROM {role}",
        schema.name
    );
    execute(&mut admin, &granted).await;
    schema.store("").await;
    let worker = common::store_as(&schema.url(""), &role).await;
    for form in [FIRST, SECOND] {
        assert_eq!(worker.identify(&kind(), form).await.unwrap(), form.into());
    }
}

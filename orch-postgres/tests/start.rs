//! The start looks before it works: what is lasting ends it with its remedy, and only what can pass
//! is waited for.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::time::{Duration, Instant};

use orch_core::store::{Store, StoreError};
use orch_postgres::PostgresStore;
use orch_testkit::fixture::{acceptance, owner};
use sqlx::PgConnection;

use common::{Schema, connect, execute, new_name, number, server, url_of};

/// Why the start ended. A start that waits for what does not pass never ends.
async fn refused(url: &str) -> String {
    let opened = tokio::time::timeout(Duration::from_secs(10), PostgresStore::open(url)).await;
    let error = opened.expect("the start waits").unwrap_err();
    assert!(matches!(error, StoreError::Fatal(_)), "{error:?}");
    error.to_string()
}

/// A URL into the schema with a role that has this setting.
async fn with_setting(schema: &Schema, admin: &mut PgConnection, setting: &str) -> String {
    let role = new_name();
    let make = format!("CREATE ROLE {role} LOGIN SUPERUSER; ALTER ROLE {role} SET {setting}");
    execute(admin, &make).await;
    schema.url("").replacen("//postgres@", &format!("//{role}@"), 1)
}

#[tokio::test]
async fn a_database_that_cannot_keep_every_answer_is_refused() {
    let mut admin = connect(&server()).await;
    for encoding in ["LATIN1", "SQL_ASCII", "EUC_KR"] {
        let name = new_name();
        let make = format!(
            "CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'
             TEMPLATE template0"
        );
        execute(&mut admin, &make).await;
        let error = refused(&url_of(&server(), &name)).await;
        assert!(error.contains(encoding) && error.contains("ENCODING 'UTF8'"), "{error}");
        execute(&mut admin, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

#[tokio::test]
async fn a_role_that_may_only_read_is_refused() {
    let schema = Schema::create().await;
    let mut admin = schema.connect().await;
    let url = with_setting(&schema, &mut admin, "default_transaction_read_only = on").await;
    let error = refused(&url).await;
    assert!(error.contains("reset default_transaction_read_only"), "{error}");
}

/// The settings of the role or the database are for the application.
#[tokio::test]
async fn a_roles_own_settings_do_not_reach_our_statements() {
    let schema = Schema::create().await;
    let mut admin = schema.connect().await;
    for setting in ["statement_timeout = 1", "default_transaction_isolation = serializable"] {
        let url = with_setting(&schema, &mut admin, setting).await;
        let opened = tokio::time::timeout(Duration::from_secs(10), PostgresStore::open(&url)).await;
        let store = opened.expect(setting).unwrap();
        let item = acceptance(setting);
        store.accept(vec![item.clone()]).await.unwrap();
        assert!(store.get(&owner(), item.op_id).await.unwrap().is_some());
    }
}

/// pgbouncer as it comes.
#[tokio::test]
async fn a_pooler_that_the_url_does_not_name_is_refused() {
    let pooler = std::env::var("ORCH_TEST_PGBOUNCER_URL").unwrap();
    let error = refused(&pooler).await;
    assert!(error.contains("add orch_pooled=true"), "{error}");
}

/// A table lock is held; each statement behind it is given up, and tried again.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_given_up_do_not_pile_up_at_the_server() {
    let schema = Schema::create().await;
    let name = &schema.name;
    let store = schema.store(&format!("&application_name={name}&orch_answer_ms=200")).await;
    let mut locker = schema.connect().await;
    execute(&mut locker, "BEGIN; LOCK TABLE orch_operation IN ACCESS EXCLUSIVE MODE").await;
    let mut admin = schema.connect().await;
    let sessions =
        format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'");
    let mut most = 0;
    for _ in 0..20 {
        store.get(&owner(), acceptance("key").op_id).await.unwrap_err();
        most = most.max(number(&mut admin, &sessions).await);
    }
    // One in each 200 ms, and each is ended a second later.
    assert!(most <= 10, "{most} sessions");
    execute(&mut locker, "ROLLBACK").await;
    assert!(store.get(&owner(), acceptance("key").op_id).await.unwrap().is_none());
}

/// A test of the user's own may stop tokio's clock: each limit would be over while the server answers.
#[tokio::test(start_paused = true)]
async fn a_paused_clock_is_not_taken_for_a_server_that_is_away() {
    let schema = Schema::create().await;
    let (began, theirs) = (Instant::now(), tokio::time::Instant::now());
    let store = PostgresStore::open(&schema.url("")).await.unwrap();
    let item = acceptance("k");
    store.accept(vec![item.clone()]).await.unwrap();
    // The accept ends the first wait, and the listener, once it is connected, the second.
    for _ in 0..2 {
        store.wait_for_work(Duration::from_secs(20)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(20), "it waits for a listener");
    assert!(store.get(&owner(), item.op_id).await.unwrap().is_some());
    assert_eq!(theirs.elapsed(), Duration::ZERO, "the test's own clock is left alone");
}

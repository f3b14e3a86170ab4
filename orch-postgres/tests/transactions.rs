//! Accepting inside the caller's own transaction, and being woken.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::time::{Duration, Instant};

use orch_core::store::{AcceptIn, Acceptance, Admitted, Store};
use orch_testkit::fixture::{acceptance, owner};
use sqlx::Connection;

use common::{Schema, execute, number};

#[tokio::test]
async fn operation_and_business_row_are_committed_together() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let mut connection = schema.connect().await;
    execute(&mut connection, "CREATE TABLE orders (id bigint)").await;
    for commit in [false, true] {
        let item = acceptance("key");
        let op_id = item.op_id;
        let mut transaction = connection.begin().await.unwrap();
        execute(&mut transaction, "INSERT INTO orders VALUES (1)").await;
        let admitted = store.accept_in(&mut transaction, item).await.unwrap();
        assert_eq!(admitted, Admitted::Created { op_id });
        assert_eq!(store.get(&owner(), op_id).await.unwrap(), None, "nobody else sees it yet");
        if commit {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        assert_eq!(store.get(&owner(), op_id).await.unwrap().is_some(), commit);
        let orders = number(&mut connection, "SELECT count(*) FROM orders").await;
        assert_eq!(orders, i64::from(commit));
    }
}

#[tokio::test]
async fn a_repetition_inside_a_transaction_is_replayed() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let first = acceptance("key");
    store.accept(vec![first.clone()]).await.unwrap();
    let mut connection = schema.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    let again = store.accept_in(&mut transaction, acceptance("key")).await.unwrap();
    assert_eq!(again, Admitted::Replayed { op_id: first.op_id });
    execute(&mut transaction, "SELECT 1").await;
    transaction.commit().await.unwrap();
}

/// As when an item is sent again while its first statement has stored the id and not yet the
/// identity.
#[tokio::test]
async fn an_item_that_meets_its_id_before_its_identity_may_be_sent_again() {
    let schema = Schema::create().await;
    let store = schema.store("").await;
    let first = acceptance("key");
    store.accept(vec![first.clone()]).await.unwrap();
    let met = Acceptance { op_id: first.op_id, ..acceptance("other key") };
    let error = store.accept(vec![met]).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_is_woken_by_an_accept() {
    let schema = Schema::create().await;
    let (producer, worker) = (schema.store("").await, schema.store("").await);
    // The first waits begin to listen, and end when they do.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(500) {
        worker.wait_for_work(Duration::from_millis(100)).await;
    }
    let waiting = tokio::spawn(async move {
        let started = Instant::now();
        worker.wait_for_work(Duration::from_secs(30)).await;
        started.elapsed()
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    producer.accept(vec![acceptance("key")]).await.unwrap();
    assert!(waiting.await.unwrap() < Duration::from_secs(10));
}

/// The worker is of another process, so that the wake-up is a message through the server.
#[tokio::test(flavor = "multi_thread")]
async fn after_the_commit_of_an_outbox_a_wake_up_reaches_the_worker() {
    let schema = Schema::create().await;
    let (producer, worker) = (schema.store("").await, schema.store("").await);
    let mut connection = schema.connect().await;
    // The first waits begin to listen, and end when they do.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(500) {
        worker.wait_for_work(Duration::from_millis(100)).await;
    }
    let waiting = tokio::spawn(async move {
        let started = Instant::now();
        worker.wait_for_work(Duration::from_secs(30)).await;
        started.elapsed()
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut transaction = connection.begin().await.unwrap();
    producer.accept_in(&mut transaction, acceptance("key")).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(!waiting.is_finished(), "the commit alone wakes nobody");
    producer.wake();
    assert!(waiting.await.unwrap() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn accepts_of_a_burst_share_their_messages() {
    let schema = Schema::create().await;
    let database = common::new_name();
    execute(&mut schema.connect().await, &format!("CREATE DATABASE {database}")).await;
    let url = common::url_of(&common::server(), &database);
    let store = orch_postgres::PostgresStore::open(&url).await.unwrap();
    let mut listener = sqlx::postgres::PgListener::connect(&url).await.unwrap();
    listener.listen("orch_work").await.unwrap();
    let started = Instant::now();
    for n in 0..200 {
        store.accept(vec![acceptance(&format!("key-{n}"))]).await.unwrap();
    }
    let took = started.elapsed();
    let mut messages = 0;
    while tokio::time::timeout(Duration::from_millis(300), listener.recv()).await.is_ok() {
        messages += 1;
    }
    let most = took.as_millis() / 10 + 2;
    assert!(messages >= 1 && messages <= most, "{messages} messages in {took:?}");
}

#[tokio::test]
async fn a_connection_that_leads_to_another_orch_is_refused() {
    let (ours, theirs, without) =
        (Schema::create().await, Schema::create().await, Schema::create().await);
    let store = ours.store("").await;
    theirs.store("").await;
    for other in [&theirs, &without] {
        let mut connection = other.connect().await;
        let mut transaction = connection.begin().await.unwrap();
        let error = store.accept_in(&mut transaction, acceptance("key")).await.unwrap_err();
        assert!(error.to_string().contains("another orch"), "{error}");
        transaction.rollback().await.unwrap();
    }
    let mut theirs = theirs.connect().await;
    assert_eq!(number(&mut theirs, "SELECT count(*) FROM orch_operation").await, 0);
    let mut connection = ours.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    let item = acceptance("key");
    let created = Admitted::Created { op_id: item.op_id };
    assert_eq!(store.accept_in(&mut transaction, item).await.unwrap(), created);
    transaction.commit().await.unwrap();
}

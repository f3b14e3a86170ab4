//! Accepting inside the caller's own transaction.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{ROW, acceptance, kind, rows, world};
use orch_core::store::{AcceptIn, Acceptance, Admitted, Store, StoreError};
use orch_core::words::{IdentityForm, Owner};
use sqlx::Connection;

#[tokio::test]
async fn accept_in_commits_with_the_business_row() {
    let (file, store) = world().await;
    let mut connection = file.connection().await;
    let item = acceptance("a");
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query(ROW).execute(&mut *transaction).await.unwrap();
    let admitted = store.accept_in(&mut *transaction, item.clone()).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(admitted, Admitted::Created { op_id: item.op_id });
    assert!(store.get(&Owner::default(), item.op_id).await.unwrap().is_some());
    assert_eq!(rows(&file).await, 1);
}

#[tokio::test]
async fn accept_in_is_rolled_back_with_the_business_row() {
    let (file, store) = world().await;
    let mut connection = file.connection().await;
    let item = acceptance("a");
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query(ROW).execute(&mut *transaction).await.unwrap();
    store.accept_in(&mut *transaction, item.clone()).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(store.get(&Owner::default(), item.op_id).await.unwrap().is_none());
    assert_eq!(rows(&file).await, 0);
}

/// It began by reading, so SQLite shows it the file as it was, and does not let it write any more.
#[tokio::test]
async fn a_transaction_that_another_one_has_overtaken_is_told_to_begin_again() {
    let (file, store) = world().await;
    let mut connection = file.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let read = "SELECT count(*) FROM business";
    sqlx::query_scalar::<_, i64>(read).fetch_one(&mut *transaction).await.unwrap();
    let item = acceptance("key");
    let op_id = item.op_id;
    store.accept(vec![item]).await.unwrap();
    let error = store.accept_in(&mut transaction, acceptance("key")).await.unwrap_err();
    assert!(matches!(error, StoreError::Outdated(_)), "{error:?}");
    transaction.rollback().await.unwrap();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let answer = store.accept_in(&mut transaction, acceptance("key")).await.unwrap();
    assert_eq!(answer, Admitted::Replayed { op_id });
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_form_can_be_stored_by_the_transaction_that_accepts_in_it() {
    let (file, store) = world().await;
    let form = IdentityForm { number: 2, keys: "biz_key = \"{order_id}\"" };
    let item = Acceptance { form: Some(form), ..acceptance("key") };
    let mut connection = file.connection().await;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let answer = store.accept_in(&mut transaction, item.clone()).await.unwrap();
    assert_eq!(answer, Admitted::OtherForm { stored: None });
    let stored = store.identify_in(&mut transaction, &kind(), form).await.unwrap();
    assert_eq!(stored, form.into());
    let answer = store.accept_in(&mut transaction, item.clone()).await.unwrap();
    assert_eq!(answer, Admitted::Created { op_id: item.op_id });
    transaction.rollback().await.unwrap();
    assert_eq!(store.forms().await.unwrap(), [], "it is gone with the transaction");
}

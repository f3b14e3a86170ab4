//! A file that was copied or put back is another database.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::path::PathBuf;

use common::File;
use orch_core::store::{Claimed, Store};
use orch_core::words::OpId;
use orch_sqlite::SqliteStore;
use orch_testkit::fixture::{acceptance, claim_params, policy};

fn path(file: &File) -> PathBuf {
    file.folder.path().join("orch.db")
}

async fn accepted(store: &SqliteStore) -> OpId {
    let item = acceptance("k");
    let op_id = item.op_id;
    store.accept(vec![item]).await.unwrap();
    op_id
}

/// What a worker claims whose one kind is unsafe to repeat.
async fn claimed(store: &SqliteStore) -> Vec<Claimed> {
    let params = claim_params([policy()]);
    store.claim(params).await.unwrap()
}

#[tokio::test]
async fn a_copy_of_the_file_is_noticed() {
    let (file, copy) = (File::new(), File::new());
    let store = SqliteStore::open(&file.url).await.unwrap();
    accepted(&store).await;
    let mut connection = file.connection().await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
    std::fs::copy(path(&file), path(&copy)).unwrap();
    let copied = SqliteStore::open(&copy.url).await.unwrap();
    assert_eq!(claimed(&copied).await, []);
    let seen = copied.incarnation().await.unwrap();
    assert_eq!((seen.number, seen.confirmed), (2, false));
    assert!(seen.difference.contains("inode"), "{seen:?}");
    assert_eq!(claimed(&store).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_was_only_opened_again_is_the_same() {
    let file = File::new();
    let store = SqliteStore::open(&file.url).await.unwrap();
    accepted(&store).await;
    let again = SqliteStore::open(&file.url).await.unwrap();
    assert_eq!(again.incarnation().await.unwrap().number, 1);
    assert_eq!(claimed(&again).await.len(), 1);
}

//! A file that an earlier release has written is migrated, reads back as it was, and goes on.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{CHILD, File};
use orch_core::runtime::{Runtime, StartError};
use orch_core::store::{ManualClock, OpenError, Store, StoreError};
use orch_sqlite::SqliteStore;
use orch_testkit::released::{Released, quiet_hook};
use sqlx::SqliteConnection;

/// data/README.md says how it was made.
const RELEASE_0_1_0: &[u8] = include_bytes!("data/release-0.1.0.db");

/// A copy of the file, not yet opened.
fn copy() -> File {
    let file = File::new();
    std::fs::write(file.folder.path().join("orch.db"), RELEASE_0_1_0).unwrap();
    file
}

/// Opens it with the present code, which migrates it.
async fn open(file: &File, clock: &Arc<ManualClock>) -> SqliteStore {
    SqliteStore::open_with_clock(&file.url, clock.clone()).await.unwrap()
}

/// Tables, indexes, triggers and views, without comments and line breaks.
async fn schema(file: &File) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let made: Vec<String> =
        sqlx::query_scalar(sql).fetch_all(&mut file.connection().await).await.unwrap();
    let words = |sql: &String| {
        let code = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
        code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
    };
    made.iter().map(words).collect()
}

#[tokio::test]
async fn release_0_1_0_reads_back_as_it_was() {
    let (file, released) = (copy(), Released::v0_1_0());
    released.reads_back(&open(&file, &released.clock()).await).await;
    assert_eq!(file.integrity().await, "ok");
}

#[tokio::test]
async fn release_0_1_0_answers_the_same_keys() {
    let (file, released) = (copy(), Released::v0_1_0());
    released.answers_the_same_keys(&open(&file, &released.clock()).await).await;
}

#[tokio::test]
async fn release_0_1_0_goes_on() {
    let (file, released) = (copy(), Released::v0_1_0());
    let clock = released.clock();
    let store = open(&file, &clock).await;
    released.goes_on(&store, &clock, quiet_hook::<SqliteConnection>()).await;
    assert_eq!(file.integrity().await, "ok");
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let (file, released) = (copy(), Released::v0_1_0());
    let store = open(&file, &released.clock()).await;
    let migrated = schema(&file).await;
    store.migrate().await.unwrap();
    drop(store);
    let again = open(&file, &released.clock()).await;
    assert_eq!(schema(&file).await, migrated);
    released.reads_back(&again).await;
}

#[tokio::test]
async fn a_migrated_file_has_the_schema_of_a_new_one() {
    let (file, new) = (copy(), File::new());
    for file in [&file, &new] {
        SqliteStore::open(&file.url).await.unwrap();
    }
    assert_eq!(schema(&file).await, schema(&new).await);
}

/// Its refusal, since the file was made by an earlier release.
fn too_old(error: &StartError) -> (i64, i64) {
    match error {
        StartError::Open(OpenError::Store(StoreError::SchemaTooOld { found, known })) => {
            (*found, *known)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_look_before_a_deploy_does_not_migrate() {
    let (file, new) = (copy(), File::new());
    let path = file.folder.path().join("orch.db");
    let before = std::fs::read(&path).unwrap();
    let (found, known) = too_old(&Runtime::connect(&file.url).check().await.unwrap_err());
    assert!(found < known, "{found}, {known}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    open(&file, &Released::v0_1_0().clock()).await;
    // The kinds of that release have no handler here; three of its rows cannot be decoded.
    let checked = Runtime::connect(&file.url).check().await.unwrap();
    assert!(!checked.is_clear() && checked.undecodable == 3, "{checked:?}");
    let missing = Runtime::connect(&new.url).check().await.unwrap_err();
    assert!(missing.to_string().contains("there is no such SQLite file"), "{missing}");
    assert!(!new.folder.path().join("orch.db").exists());
    drop(new.connection().await);
    assert_eq!(too_old(&Runtime::connect(&new.url).check().await.unwrap_err()), (0, known));
}

/// The Pruner of a process that was running before the file was migrated.
#[tokio::test]
async fn an_earlier_pruner_finds_its_index() {
    let file = File::new();
    SqliteStore::open(&file.url).await.unwrap();
    let earlier = "DELETE FROM orch_operation WHERE rowid IN (
        SELECT rowid FROM orch_operation INDEXED BY orch_operation_purge_idx
        WHERE status = 'COMPLETED' AND finished_at IS NOT NULL AND finished_at <= ?1)";
    let pruned = sqlx::query(earlier).bind(0).execute(&mut file.connection().await).await;
    assert_eq!(pruned.unwrap().rows_affected(), 0);
}

#[tokio::test]
async fn eight_processes_that_migrate_at_once_migrate_once() {
    if let Ok(url) = std::env::var(CHILD) {
        SqliteStore::open(&url).await.unwrap();
        return;
    }
    let (file, released) = (copy(), Released::v0_1_0());
    let children: Vec<_> =
        (0..8).map(|_| file.child("eight_processes_that_migrate_at_once_migrate_once")).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    released.reads_back(&open(&file, &released.clock()).await).await;
}

//! A database that an earlier release has written is migrated, reads back as it was, and goes on.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::process::Command;
use std::sync::Arc;

use common::{Schema, connect, execute, number, server};
use orch_core::store::{ManualClock, Store};
use orch_postgres::PostgresStore;
use orch_testkit::released::{Released, quiet_hook};
use sqlx::PgConnection;
use tokio::task::JoinSet;

/// data/README.md says how it was made.
const RELEASE_0_1_0: &str = include_str!("data/release-0.1.0.sql");

/// The dump in its own schema, not yet opened.
async fn restored() -> Schema {
    let schema = Schema::create().await;
    let dump = RELEASE_0_1_0.replace("public.", &format!("{}.", schema.name));
    execute(&mut connect(&server()).await, &dump).await;
    schema
}

/// Opens it with the present code, which migrates it.
async fn open(schema: &Schema, clock: &Arc<ManualClock>) -> PostgresStore {
    PostgresStore::open_with(&schema.url(""), Some(clock.clone())).await.unwrap()
}

/// All that is in it but the rows, as `pg_dump` says it.
fn definition(schema: &Schema) -> String {
    let bin = std::env::var("ORCH_TEST_POSTGRES_BIN").expect(
        "ORCH_TEST_POSTGRES_BIN is not set; run: scripts/postgres cargo test -p orch-postgres",
    );
    let mut dump = Command::new(format!("{bin}/pg_dump"));
    dump.args(["--schema-only", "--schema", &schema.name, &server()]);
    let output = dump.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // The lines for psql hold a random word.
    let lines = text.lines().filter(|line| !line.starts_with('\\'));
    lines.collect::<Vec<_>>().join("\n").replace(&schema.name, "public")
}

#[tokio::test]
async fn release_0_1_0_reads_back_as_it_was() {
    let (schema, released) = (restored().await, Released::v0_1_0());
    released.reads_back(&open(&schema, &released.clock()).await).await;
}

#[tokio::test]
async fn release_0_1_0_answers_the_same_keys() {
    let (schema, released) = (restored().await, Released::v0_1_0());
    released.answers_the_same_keys(&open(&schema, &released.clock()).await).await;
}

#[tokio::test]
async fn release_0_1_0_goes_on() {
    let (schema, released) = (restored().await, Released::v0_1_0());
    let clock = released.clock();
    let store = open(&schema, &clock).await;
    released.goes_on(&store, &clock, quiet_hook::<PgConnection>()).await;
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let (schema, released) = (restored().await, Released::v0_1_0());
    let store = open(&schema, &released.clock()).await;
    let migrated = definition(&schema);
    store.migrate().await.unwrap();
    let again = open(&schema, &released.clock()).await;
    assert_eq!(definition(&schema), migrated);
    released.reads_back(&again).await;
}

#[tokio::test]
async fn a_migrated_schema_is_that_of_a_new_database() {
    let (schema, new) = (restored().await, Schema::create().await);
    for schema in [&schema, &new] {
        PostgresStore::open(&schema.url("")).await.unwrap();
    }
    assert_eq!(definition(&schema), definition(&new));
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_that_start_at_once_migrate_once() {
    let (schema, released) = (restored().await, Released::v0_1_0());
    let mut all = JoinSet::new();
    for _ in 0..8 {
        let url = schema.url("");
        all.spawn(async move { PostgresStore::open(&url).await.map(drop) });
    }
    while let Some(opened) = all.join_next().await {
        opened.unwrap().unwrap();
    }
    let twice = "SELECT count(*) - max(version) FROM orch_migration";
    assert_eq!(number(&mut schema.connect().await, twice).await, 0);
    released.reads_back(&open(&schema, &released.clock()).await).await;
}

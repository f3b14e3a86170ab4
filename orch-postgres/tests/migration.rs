//! A database that an earlier release has written is migrated, reads back as it was, and goes on.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{Schema, connect, execute, number, server};
use orch_core::runtime::{Runtime, StartError};
use orch_core::store::{ManualClock, OpenError, Store, StoreError};
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

/// All that is in it but the rows, one line for each thing. Asked of the catalog: a `pg_dump` reads
/// no server that is newer than itself.
const DEFINITION: &str = "
    WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname = $1)
    SELECT format('%s %s %s %s %s', c.relkind, c.relname, c.reloptions, c.relacl,
                  pg_get_userbyid(c.relowner))
    FROM pg_class c, ours WHERE c.relnamespace = ours.oid
    UNION ALL
    SELECT format('%s.%s %s %s %s %s %s', c.relname, a.attname,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                  a.attcollation, pg_get_expr(d.adbin, d.adrelid))
    FROM pg_class c JOIN ours ON c.relnamespace = ours.oid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(c.oid)) || conname
    FROM pg_constraint c, ours WHERE c.connamespace = ours.oid AND contype <> 'n'
    UNION ALL
    SELECT pg_get_indexdef(c.oid)
    FROM pg_class c, ours WHERE c.relnamespace = ours.oid AND c.relkind = 'i'
    UNION ALL
    SELECT pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid, ours WHERE c.relnamespace = ours.oid
      AND NOT t.tgisinternal
    UNION ALL
    SELECT format('%s %s', c.relname, pg_get_viewdef(c.oid))
    FROM pg_class c, ours WHERE c.relnamespace = ours.oid AND c.relkind = 'v'
    UNION ALL
    SELECT pg_get_functiondef(p.oid) FROM pg_proc p, ours WHERE p.pronamespace = ours.oid
    ORDER BY 1";

async fn definition(schema: &Schema) -> Vec<String> {
    let mut connection = schema.connect().await;
    let lines = sqlx::query_scalar(DEFINITION).bind(&schema.name);
    let lines: Vec<String> = lines.fetch_all(&mut connection).await.unwrap();
    assert!(lines.len() > 100, "{lines:#?}");
    lines.iter().map(|line| line.replace(&schema.name, "public")).collect()
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
    let migrated = definition(&schema).await;
    store.migrate().await.unwrap();
    let again = open(&schema, &released.clock()).await;
    assert_eq!(definition(&schema).await, migrated);
    released.reads_back(&again).await;
}

#[tokio::test]
async fn a_migrated_schema_is_that_of_a_new_database() {
    let (schema, new) = (restored().await, Schema::create().await);
    for schema in [&schema, &new] {
        PostgresStore::open(&schema.url("")).await.unwrap();
    }
    assert_eq!(definition(&schema).await, definition(&new).await);
}

#[tokio::test]
async fn a_look_before_a_deploy_does_not_migrate() {
    let (schema, new) = (restored().await, Schema::create().await);
    let before = definition(&schema).await;
    for (schema, version) in [(&schema, 1), (&new, 0)] {
        match Runtime::connect(schema.url("")).check().await.unwrap_err() {
            StartError::Open(OpenError::Store(StoreError::SchemaTooOld { found, known })) => {
                assert!(found == version && found < known, "{found}, {known}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(definition(&schema).await, before);
    let tables = format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{}'", new.name);
    assert_eq!(number(&mut new.connect().await, &tables).await, 0);
    open(&schema, &Released::v0_1_0().clock()).await;
    // The kinds of that release have no handler here; three of its rows cannot be decoded.
    let checked = Runtime::connect(schema.url("")).check().await.unwrap();
    assert!(!checked.is_clear() && checked.undecodable == 3, "{checked:?}");
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

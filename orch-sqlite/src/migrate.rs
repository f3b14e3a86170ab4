//! The schema, brought up to date once, however many processes start at the same time.

use orch_core::store::StoreError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row, SqlStr};

use crate::connect::store_error;

/// One file per version, in order; a released file never changes.
const MIGRATIONS: [&str; 12] = [
    include_str!("../migrations/0001_operation.sql"),
    include_str!("../migrations/0002_status.sql"),
    include_str!("../migrations/0003_key_seed.sql"),
    include_str!("../migrations/0004_incarnation.sql"),
    include_str!("../migrations/0005_versions.sql"),
    include_str!("../migrations/0006_hooks.sql"),
    include_str!("../migrations/0007_retention.sql"),
    include_str!("../migrations/0008_unique.sql"),
    include_str!("../migrations/0009_identity_form.sql"),
    include_str!("../migrations/0010_answers.sql"),
    include_str!("../migrations/0011_references.sql"),
    include_str!("../migrations/0012_submitted.sql"),
];
/// The newest version that this binary knows.
pub(crate) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Not `PRAGMA user_version`: the file may be the application's own, and the pragma its.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS orch_schema_version \
                        (version INTEGER NOT NULL PRIMARY KEY) STRICT";

/// Brings the schema up to date. Looks first, so that a start on a schema that is up to date
/// takes no lock; then everything in one `BEGIN IMMEDIATE`.
pub(crate) async fn run(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    if has_versions(connection).await? && check(version(connection).await?)? {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
    let done = apply(&mut transaction).await;
    match done {
        Ok(()) => transaction.commit().await.map_err(store_error),
        Err(error) => {
            transaction.rollback().await.map_err(store_error)?;
            Err(error)
        }
    }
}

/// Checks the schema, and changes nothing.
///
/// # Errors
/// [`StoreError::SchemaTooOld`], [`StoreError::SchemaTooNew`].
pub(crate) async fn is_up_to_date(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let found = if has_versions(connection).await? { version(connection).await? } else { 0 };
    match check(found)? {
        true => Ok(()),
        false => Err(StoreError::SchemaTooOld { found, known: KNOWN }),
    }
}

async fn apply(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::raw_sql(VERSIONS).execute(&mut *connection).await.map_err(store_error)?;
    let found = version(connection).await?;
    if check(found)? {
        return Ok(());
    }
    for (known, migration) in (1_i64..).zip(MIGRATIONS) {
        if known > found {
            let migration = SqlStr::from_static(migration);
            sqlx::raw_sql(migration).execute(&mut *connection).await.map_err(store_error)?;
            sqlx::query("INSERT INTO orch_schema_version (version) VALUES (?1)")
                .bind(known)
                .execute(&mut *connection)
                .await
                .map_err(store_error)?;
        }
    }
    Ok(())
}

/// True if there is nothing to do.
fn check(found: i64) -> Result<bool, StoreError> {
    if found > KNOWN {
        return Err(StoreError::SchemaTooNew { found, known: KNOWN });
    }
    Ok(found == KNOWN)
}

async fn has_versions(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT 1 FROM sqlite_schema WHERE name = 'orch_schema_version'")
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    Ok(found.is_some())
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    sqlx::query("SELECT coalesce(max(version), 0) FROM orch_schema_version")
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(store_error)
}

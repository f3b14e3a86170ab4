//! The schema, brought up to date once.

use orch_core::store::StoreError;
use sqlx::postgres::PgConnection;

use crate::column::column;
use crate::pool::{Pool, arguments, command, fetch};

/// Every migration, in order; the version is the place, from 1.
const MIGRATIONS: [&str; 13] = [
    include_str!("../migrations/0001_operation.sql"),
    include_str!("../migrations/0002_words.sql"),
    include_str!("../migrations/0003_key_seed.sql"),
    include_str!("../migrations/0004_incarnation.sql"),
    include_str!("../migrations/0005_versions.sql"),
    include_str!("../migrations/0006_hooks.sql"),
    include_str!("../migrations/0007_retention.sql"),
    include_str!("../migrations/0008_retention_of_kinds.sql"),
    include_str!("../migrations/0009_unique.sql"),
    include_str!("../migrations/0010_identity_form.sql"),
    include_str!("../migrations/0011_answers.sql"),
    include_str!("../migrations/0012_references.sql"),
    include_str!("../migrations/0013_submitted.sql"),
];
/// The newest version that this binary knows.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Taken for the length of the migrating transaction, so that also a transaction pooler is
/// fine with it. The number means nothing but orch.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7021788)";
const HISTORY: &str = "CREATE TABLE IF NOT EXISTS orch_migration (
    version bigint NOT NULL PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)";
const HAS_HISTORY: &str = "SELECT to_regclass('orch_migration') IS NOT NULL AS there";
const VERSION: &str = "SELECT coalesce(max(version), 0) AS version FROM orch_migration";

/// Brings the schema up to date. Who finds it so only reads, so that a role that may not create
/// tables can run workers.
///
/// # Errors
/// [`StoreError::SchemaTooNew`] if a newer release has been here.
pub(crate) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    let named = !pool.target().pooled;
    if read_version(pool).await? == KNOWN {
        return Ok(());
    }
    // Without a limit: this waits for a migration that another process has begun.
    let migrated = pool.lend(None, move |mut connection| {
        Box::pin(async move {
            bring_up_to_date(&mut connection, named).await?;
            Ok(((), Some(connection)))
        })
    });
    migrated.await
}

/// Checks the schema, and changes nothing.
///
/// # Errors
/// [`StoreError::SchemaTooOld`], [`StoreError::SchemaTooNew`].
pub(crate) async fn is_up_to_date(pool: &Pool) -> Result<(), StoreError> {
    match read_version(pool).await? {
        KNOWN => Ok(()),
        found => Err(StoreError::SchemaTooOld { found, known: KNOWN }),
    }
}

async fn read_version(pool: &Pool) -> Result<i64, StoreError> {
    let named = !pool.target().pooled;
    let found = pool.lend(Some(pool.target().answer_timeout), move |mut connection| {
        Box::pin(async move {
            command(&mut connection, "BEGIN").await?;
            let found = version(&mut connection, named).await?;
            command(&mut connection, "COMMIT").await?;
            Ok((found, Some(connection)))
        })
    });
    found.await
}

/// However long it takes: on large tables, or behind others who do the same. Each migration commits by
/// itself, so that none holds its locks while another one runs.
async fn bring_up_to_date(connection: &mut PgConnection, named: bool) -> Result<(), StoreError> {
    while migrate_once(connection, named).await? < KNOWN {}
    Ok(())
}

/// The next migration, if there is one left; returns the version that the schema has then.
async fn migrate_once(connection: &mut PgConnection, named: bool) -> Result<i64, StoreError> {
    command(connection, "BEGIN; SET LOCAL statement_timeout = 0").await?;
    command(connection, LOCK).await?;
    command(connection, HISTORY).await?;
    // Others may have migrated while this one waited for the lock.
    let mut version = version(connection, named).await?;
    let next = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version));
    if let Some(migration) = next {
        version += 1;
        command(connection, *migration).await?;
        let insert = format!("INSERT INTO orch_migration (version) VALUES ({version})");
        command(connection, insert).await?;
        tracing::info!(version, "migrated the schema");
    }
    command(connection, "COMMIT").await?;
    Ok(version)
}

async fn version(connection: &mut PgConnection, named: bool) -> Result<i64, StoreError> {
    let found = found(connection, named).await?;
    if found > KNOWN {
        return Err(StoreError::SchemaTooNew { found, known: KNOWN });
    }
    Ok(found)
}

async fn found(connection: &mut PgConnection, named: bool) -> Result<i64, StoreError> {
    let rows = fetch(connection, HAS_HISTORY, arguments![]?, named).await?;
    let there = rows.first().is_some_and(|row| column(row, "there").unwrap_or(false));
    if !there {
        return Ok(0);
    }
    let rows = fetch(connection, VERSION, arguments![]?, named).await?;
    let version = rows.first().map(|row| column(row, "version").map_err(StoreError::fatal));
    Ok(version.transpose()?.unwrap_or_default())
}

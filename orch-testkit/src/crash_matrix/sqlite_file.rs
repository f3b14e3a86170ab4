use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use orch_core::store::{ManualClock, Store};
use orch_sqlite::SqliteStore;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use super::Database;

/// An SQLite file in a temporary folder, for the crash matrix of a handler whose finalize hook
/// takes an `SqliteConnection`. It is removed with this value.
///
/// ```
/// # use std::sync::Arc;
/// # use orch_testkit::{ScriptedProvider, SqliteFile, crash_matrix};
/// # async fn example<C, A, F>(charge: F, command: C)
/// # where C: orch_core::handler::HandledCommand, F: orch_testkit::OrchestratedFn<C, A> {
/// crash_matrix(charge, command)
///     .against(ScriptedProvider::default)
///     .state(Arc::clone)
///     .on(|| SqliteFile::with("CREATE TABLE IF NOT EXISTS receipt (id TEXT PRIMARY KEY)"))
///     .run()
///     .await
///     .assert_safe();
/// # }
/// ```
pub struct SqliteFile {
    folder: TempDir,
    tables: String,
}

impl SqliteFile {
    /// A new file with orch's tables alone.
    ///
    /// # Panics
    /// If there can be no temporary folder.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a default that writes to the disk surprises")]
    pub fn new() -> Self {
        Self::with("")
    }

    /// A new file, with the tables that the hook writes to. The statements run whenever a process
    /// opens the file, so say `IF NOT EXISTS`.
    ///
    /// # Panics
    /// If there can be no temporary folder.
    #[must_use]
    pub fn with(tables: impl Into<String>) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), tables: tables.into() }
    }

    /// The file's URL, to look at it with sqlx.
    #[must_use]
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.folder.path().join("orch.db").display())
    }
}

#[async_trait]
impl Database for SqliteFile {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        let store = SqliteStore::open_with_clock(&self.url(), clock).await.unwrap();
        if self.tables.is_empty() {
            return Arc::new(store);
        }
        let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
        let tables = AssertSqlSafe(self.tables.clone());
        sqlx::raw_sql(tables).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Arc::new(store)
    }
}

impl fmt::Debug for SqliteFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteFile").field(&self.url()).finish()
    }
}

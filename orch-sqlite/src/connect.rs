//! Connections: options, pragmas and what their errors mean.

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use orch_core::store::{StoreError, lock};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::same_file::SameFile;

/// How long SQLite itself waits for another process's write to end.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that read at the same time.
const READERS: usize = 4;

/// The options of every connection to this URL's file.
pub(crate) fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    let file = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    let Some(file) = file else {
        return Err(StoreError::fatal("a SQLite URL is sqlite://FILE"));
    };
    let (path, settings) = file.split_once('?').unwrap_or((file, ""));
    if path.is_empty() || path == ":memory:" || settings.contains("mode=memory") {
        return Err(StoreError::fatal(
            "SQLite in memory would lose accepted operations and cannot be shared between \
             connections; use the URL memory: for a store without a file, or sqlite://FILE",
        ));
    }
    // The text is not repeated in the error: a URL may hold a secret that must not be logged.
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::fatal("the SQLite URL cannot be read; write sqlite://FILE"))?;
    Ok(options
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(128)
        .row_buffer_size(256)
        .disable_statement_logging())
}

/// A connection that may write. The journal mode is a property of the file.
pub(crate) async fn open_writing(
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, sqlx::Error> {
    options.clone().journal_mode(SqliteJournalMode::Wal).connect().await
}

/// What an error of the database means to the caller.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|inner| inner.code()?.parse::<i32>().ok());
    if code.is_some_and(is_about_a_value) {
        return StoreError::rejected(error);
    }
    let passing = match &error {
        sqlx::Error::Database(_) => code.is_some_and(is_passing),
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => true,
        _ => false,
    };
    if passing { StoreError::transient(error) } else { StoreError::fatal(error) }
}

/// What an error of a commit means. What a constraint refuses that is looked at only then is refused for
/// good; all else may be gone on the next try.
pub(crate) fn commit_error(error: sqlx::Error) -> StoreError {
    match store_error(error) {
        rejected @ StoreError::Rejected(_) => rejected,
        StoreError::Fatal(error) => StoreError::Transient(error),
        passing => passing,
    }
}

/// True if SQLite could not open the file: its code CANTOPEN.
pub(crate) fn cannot_open(error: &StoreError) -> bool {
    code_of(error).is_some_and(|code| code & 0xff == 14)
}

/// The error of a statement inside the caller's transaction. One that began by reading cannot write once
/// another has committed: BUSY_SNAPSHOT.
pub(crate) fn in_transaction(error: StoreError) -> StoreError {
    match (code_of(&error), error) {
        (Some(517), StoreError::Transient(source)) => StoreError::Outdated(source),
        (_, error) => error,
    }
}

fn code_of(error: &StoreError) -> Option<i32> {
    let (StoreError::Transient(inner) | StoreError::Fatal(inner)) = error else { return None };
    match inner.downcast_ref::<sqlx::Error>()? {
        sqlx::Error::Database(inner) => inner.code()?.parse().ok(),
        _ => None,
    }
}

/// SQLite's primary result codes that may be gone on the next try: ABORT, BUSY, LOCKED, NOMEM,
/// INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL, SCHEMA.
fn is_passing(code: i32) -> bool {
    matches!(code & 0xff, 4 | 5 | 6 | 7 | 9 | 10 | 13 | 14 | 15 | 17)
}

/// TOOBIG, CONSTRAINT, MISMATCH.
fn is_about_a_value(code: i32) -> bool {
    matches!(code & 0xff, 18..=20)
}

/// Read-only connections, opened when needed. One that was in use when its caller went away is
/// closed, never handed on.
pub(crate) struct Readers {
    options: SqliteConnectOptions,
    file: SameFile,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Semaphore,
}

/// A borrowed reader.
pub(crate) struct Reader<'r> {
    pub(crate) connection: SqliteConnection,
    home: &'r Readers,
    _permit: SemaphorePermit<'r>,
}

impl Readers {
    pub(crate) fn new(options: &SqliteConnectOptions, file: SameFile) -> Self {
        Self {
            file,
            options: options.clone().create_if_missing(false).read_only(true),
            idle: Mutex::default(),
            permits: Semaphore::new(READERS),
        }
    }

    pub(crate) async fn take(&self) -> Result<Reader<'_>, StoreError> {
        self.file.check()?;
        let permit = self.permits.acquire().await.map_err(StoreError::transient)?;
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(store_error)?,
        };
        Ok(Reader { connection, home: self, _permit: permit })
    }
}

impl Reader<'_> {
    /// Gives the connection back. Not called after an error.
    pub(crate) fn done(self) {
        lock(&self.home.idle).push(self.connection);
    }
}

/// Closes a connection and waits until SQLite has let go of the file.
pub(crate) async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a SQLite connection did not close cleanly");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_refused_with_advice() {
        for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:", "sqlite://x?mode=memory"] {
            let error = options(url).unwrap_err();
            let StoreError::Fatal(reason) = error else { panic!("{error:?}") };
            assert!(reason.to_string().contains("memory:"), "{url}: {reason}");
        }
        assert!(options("sqlite://a.db").is_ok() && options("sqlite:a.db").is_ok());
    }

    #[tokio::test]
    async fn what_is_committed_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("a.db").display());
        let mut connection = open_writing(&options(&url).unwrap()).await.unwrap();
        let synchronous: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await.unwrap();
        let journal: String =
            sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
        // 2 is FULL: the log is synced at every commit, not only at checkpoints.
        assert_eq!((synchronous, journal.as_str()), (2, "wal"));
    }

    #[test]
    fn busy_locked_full_and_ioerr_pass_and_constraints_do_not() {
        // 517 and 3338 are extended codes of BUSY and IOERR.
        assert!([5, 6, 10, 13, 517, 3338].into_iter().all(is_passing));
        assert!(![1, 11, 19, 275, 2067].into_iter().any(is_passing));
    }
}

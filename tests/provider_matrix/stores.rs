//! The stores, each with a clock that goes on by itself and can be moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use orch::internals::store::{Clock, Store, SystemClock};
use orch::internals::words::Timestamp;
use orch::memory::MemoryStore;
use orch_postgres::PostgresStore;
use orch_sqlite::SqliteStore;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// An empty database. It is removed with the folder; a schema stays.
pub struct Database {
    pub store: Arc<dyn Store>,
    pub clock: Arc<MovedClock>,
    _folder: Option<TempDir>,
}

impl Kind {
    pub async fn create(self) -> Database {
        let clock = Arc::new(MovedClock::default());
        let given: Arc<dyn Clock> = clock.clone();
        let folder = (self == Self::Sqlite).then(|| tempfile::tempdir().unwrap());
        let store: Arc<dyn Store> = match (self, &folder) {
            (Self::Sqlite, Some(folder)) => {
                let url = format!("sqlite://{}", folder.path().join("orch.db").display());
                Arc::new(SqliteStore::open_with_clock(&url, given).await.unwrap())
            }
            (Self::Postgres, _) => {
                Arc::new(PostgresStore::open_with(&schema().await, Some(given)).await.unwrap())
            }
            _ => Arc::new(MemoryStore::with_clock(given)),
        };
        Database { store, clock, _folder: folder }
    }
}

/// The host's clock, and how far it was moved.
#[derive(Debug, Default)]
pub struct MovedClock(AtomicI64);

impl MovedClock {
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros() + self.0.load(Ordering::SeqCst))
    }
}

/// The URL of a new schema at the server that `scripts/postgres` has started, or another one.
async fn schema() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let server = std::env::var("ORCH_TEST_POSTGRES_URL").expect(
        "ORCH_TEST_POSTGRES_URL is not set; run: \
         scripts/postgres cargo test -p orchestrated --test provider_matrix",
    );
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let name = format!("providers{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let sql = AssertSqlSafe(format!("CREATE SCHEMA {name}"));
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    let first = if server.contains('?') { '&' } else { '?' };
    format!("{server}{first}options[search_path]={name}")
}

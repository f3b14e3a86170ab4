//! Databases of their own for the processes that are killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use orch::internals::store::{ManualClock, Store};
use orch::memory::MemoryStore;
use orch_postgres::PostgresStore;
use orch_sqlite::SqliteStore;
use orch_testkit::Database;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

/// Which store the processes of a test share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

impl Kind {
    /// An empty database; several matrices may share it.
    pub async fn create(self) -> Shared {
        match self {
            Self::Memory => Shared::Memory,
            Self::Sqlite => Shared::Sqlite(Arc::new(tempfile::tempdir().unwrap())),
            Self::Postgres => Shared::Postgres(schema().await),
        }
    }
}

/// A database in which every cell finds what the cells before it have left behind: operations
/// that are terminal or parked. Only memory is new for each cell.
#[derive(Debug, Clone)]
pub enum Shared {
    Memory,
    Sqlite(Arc<TempDir>),
    Postgres(String),
}

impl Shared {
    /// The database of one cell.
    pub fn of_a_cell(&self) -> Arc<dyn Database> {
        match self {
            Self::Memory => Arc::new(Memory(MemoryStore::new())),
            shared => Arc::new(shared.clone()),
        }
    }

    /// A store on it that reads the real clock.
    pub async fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sqlite(folder) => Arc::new(SqliteStore::open(&Self::file(folder)).await.unwrap()),
            Self::Postgres(url) => Arc::new(PostgresStore::open(url).await.unwrap()),
        }
    }

    fn file(folder: &TempDir) -> String {
        format!("sqlite://{}", folder.path().join("orch.db").display())
    }

    /// Runs a statement of the application's own, as its owner would.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Memory => panic!("there is no SQL in memory"),
            Self::Sqlite(folder) => {
                let url = format!("{}?mode=rwc", Self::file(folder));
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
        }
    }

    /// The texts that a query returns.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Memory => panic!("there is no SQL in memory"),
            Self::Sqlite(folder) => {
                let mut connection = SqliteConnection::connect(&Self::file(folder)).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
            }
        }
    }
}

#[async_trait]
impl Database for Shared {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        match self {
            Self::Memory => panic!("memory is new for each cell"),
            Self::Sqlite(folder) => {
                Arc::new(SqliteStore::open_with_clock(&Self::file(folder), clock).await.unwrap())
            }
            Self::Postgres(url) => {
                Arc::new(PostgresStore::open_with(url, Some(clock)).await.unwrap())
            }
        }
    }
}

struct Memory(MemoryStore);

#[async_trait]
impl Database for Memory {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        Arc::new(self.0.reopened_with(clock))
    }
}

/// The server that `scripts/postgres` has started, or another one.
fn server() -> String {
    std::env::var("ORCH_TEST_POSTGRES_URL").expect(
        "ORCH_TEST_POSTGRES_URL is not set; run: \
         scripts/postgres cargo test -p orchestrated --test crash_matrix",
    )
}

/// The URL of a new schema.
async fn schema() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let name = format!("crash{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(&server()).await.unwrap();
    let sql = AssertSqlSafe(format!("CREATE SCHEMA {name}"));
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    let first = if server().contains('?') { '&' } else { '?' };
    format!("{}{first}options[search_path]={name}", server())
}

//! The stores, each on a clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orch_core::memory::MemoryStore;
use orch_core::seams::{ManualClock, Store};
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

/// A store on new, empty data.
pub struct Opened {
    pub store: Arc<dyn Store>,
    _folder: Option<TempDir>,
}

impl Kind {
    pub async fn open(self, clock: Arc<ManualClock>) -> Opened {
        let mut folder = None;
        let store: Arc<dyn Store> = match self {
            Self::Memory => Arc::new(MemoryStore::with_clock(clock)),
            Self::Sqlite => {
                let made = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", made.path().join("orch.db").display());
                folder = Some(made);
                Arc::new(SqliteStore::open_with_clock(&url, clock).await.unwrap())
            }
            Self::Postgres => {
                let url = schema().await;
                Arc::new(PostgresStore::open_with(&url, Some(clock)).await.unwrap())
            }
        };
        Opened { store, _folder: folder }
    }
}

/// The server that `scripts/postgres` has started, or another one.
fn server() -> String {
    std::env::var("ORCH_TEST_POSTGRES_URL").expect(
        "ORCH_TEST_POSTGRES_URL is not set; run: scripts/postgres cargo test -p orch-testkit",
    )
}

async fn schema() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let name = format!("inputs{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(&server()).await.unwrap();
    let sql = AssertSqlSafe(format!("CREATE SCHEMA {name}"));
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    let first = if server().contains('?') { '&' } else { '?' };
    format!("{}{first}options[search_path]={name}", server())
}

//! Databases of their own, with a table for what the finalize hooks write down.

use std::sync::{Arc, Mutex};

use orch_core::memory::{MemoryConnection, MemoryStore};
use orch_core::store::{ConnectionType, HookError, HookFn, Store, connection};
use orch_core::words::OpId;
use orch_postgres::PostgresStore;
use orch_sqlite::SqliteStore;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use tempfile::TempDir;

use crate::common::{Backend, new_schema};

/// A database, empty but for what earlier lives have brought to their end.
pub struct Database {
    pub backend: Backend,
    place: Place,
    pub store: Arc<dyn Store>,
}

enum Place {
    Memory,
    Sqlite { url: String, _folder: TempDir },
    Postgres { url: String },
}

const TABLE: &str = "CREATE TABLE mark (op TEXT NOT NULL)";

/// A hook in memory is a plain function, so what they write down is shared.
static MARKS: Mutex<Vec<OpId>> = Mutex::new(Vec::new());

impl Database {
    pub async fn create(backend: Backend) -> Self {
        let (place, store): (Place, Arc<dyn Store>) = match backend {
            Backend::Memory => (Place::Memory, Arc::new(MemoryStore::new())),
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("orch.db").display());
                let store = Arc::new(SqliteStore::open(&url).await.unwrap());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                sqlx::raw_sql(TABLE).execute(&mut connection).await.unwrap();
                (Place::Sqlite { url, _folder: folder }, store)
            }
            Backend::Postgres => {
                let url = new_schema().await;
                let few = format!("{url}&orch_connections=2");
                let store = Arc::new(PostgresStore::open(&few).await.unwrap());
                let mut connection = PgConnection::connect(&url).await.unwrap();
                sqlx::raw_sql(TABLE).execute(&mut connection).await.unwrap();
                (Place::Postgres { url }, store)
            }
        };
        Self { backend, place, store }
    }

    /// How often the finalize hook of an operation was committed.
    pub async fn marks(&self, op_id: OpId) -> usize {
        let count: i64 = match &self.place {
            Place::Memory => {
                return MARKS.lock().unwrap().iter().filter(|mark| **mark == op_id).count();
            }
            Place::Sqlite { url, .. } => {
                let mut connection = SqliteConnection::connect(url).await.unwrap();
                sqlx::query_scalar("SELECT count(*) FROM mark WHERE op = ?1")
                    .bind(op_id.to_string())
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
            Place::Postgres { url } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar("SELECT count(*) FROM mark WHERE op = $1")
                    .bind(op_id.to_string())
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
        };
        usize::try_from(count).unwrap()
    }

    /// A hook that writes the operation's id down, in the finalizing transaction. In memory
    /// there is none, and so it is run at least once.
    pub const fn hook(backend: Backend) -> HookFn {
        match backend {
            Backend::Memory => HookFn {
                connection: ConnectionType::of::<MemoryConnection>,
                run: |_, _, of| {
                    MARKS.lock().unwrap().push(of.op_id);
                    Box::pin(async { Ok(()) })
                },
            },
            Backend::Sqlite => HookFn {
                connection: ConnectionType::of::<SqliteConnection>,
                run: |any, _, of| {
                    Box::pin(async move {
                        sqlx::query("INSERT INTO mark (op) VALUES (?1)")
                            .bind(of.op_id.to_string())
                            .execute(connection::<SqliteConnection>(any)?)
                            .await
                            .map(drop)
                            .map_err(HookError::new)
                    })
                },
            },
            Backend::Postgres => HookFn {
                connection: ConnectionType::of::<PgConnection>,
                run: |any, _, of| {
                    Box::pin(async move {
                        sqlx::query("INSERT INTO mark (op) VALUES ($1)")
                            .bind(of.op_id.to_string())
                            .execute(connection::<PgConnection>(any)?)
                            .await
                            .map(drop)
                            .map_err(HookError::new)
                    })
                },
            },
        }
    }
}

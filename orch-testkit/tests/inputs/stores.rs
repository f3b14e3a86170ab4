//! The stores, each on a clock that stands still until a test moves it.

use std::sync::Arc;

use orch_core::memory::MemoryStore;
use orch_core::store::{ManualClock, Store};
use orch_postgres::PostgresStore;
use orch_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::common::{Backend, new_schema};

/// A store on new, empty data.
pub struct Opened {
    pub store: Arc<dyn Store>,
    _folder: Option<TempDir>,
}

impl Opened {
    pub async fn new(backend: Backend, clock: Arc<ManualClock>) -> Self {
        let mut folder = None;
        let store: Arc<dyn Store> = match backend {
            Backend::Memory => Arc::new(MemoryStore::with_clock(clock)),
            Backend::Sqlite => {
                let made = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", made.path().join("orch.db").display());
                folder = Some(made);
                Arc::new(SqliteStore::open_with_clock(&url, clock).await.unwrap())
            }
            Backend::Postgres => {
                let url = new_schema().await;
                Arc::new(PostgresStore::open_with(&url, Some(clock)).await.unwrap())
            }
        };
        Self { store, _folder: folder }
    }
}

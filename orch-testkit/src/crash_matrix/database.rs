use std::sync::Arc;

use async_trait::async_trait;
use orch_core::memory::MemoryStore;
use orch_core::store::{ManualClock, Store};

/// A database that outlives the processes that are killed.
///
/// A store takes the clock of the matrix by `SqliteStore::open_with_clock(url, clock)` or
/// `PostgresStore::open_with(url, Some(clock))`.
///
/// ```
/// # use std::sync::Arc;
/// # use orch_core::memory::MemoryStore as SqliteStore;
/// use async_trait::async_trait;
/// use orch_core::store::{ManualClock, Store};
/// use orch_testkit::Database;
///
/// struct File(String);
///
/// #[async_trait]
/// impl Database for File {
///     async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
///         # let _ = &self.0;
///         // Arc::new(SqliteStore::open_with_clock(&self.0, clock).await.unwrap())
///         # Arc::new(SqliteStore::with_clock(clock))
///     }
/// }
/// ```
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// A store on this database that reads this clock: once for each process, within the tokio
    /// runtime of that process.
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store>;
}

#[async_trait]
impl<D: Database + ?Sized> Database for Arc<D> {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        (**self).open(clock).await
    }
}

/// Survives what is called a process here, since it lives in the one that runs the test.
#[derive(Debug, Default)]
pub(super) struct Memory(MemoryStore);

#[async_trait]
impl Database for Memory {
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store> {
        Arc::new(self.0.reopened_with(clock))
    }
}

use std::path::{Path, PathBuf};
use std::time::Duration;

use orch_lab::store::Backend;
use serde::{Deserialize, Serialize};

use crate::order::Orders;

/// Short, so that a dead worker's operations are soon taken over. The default is 30 s.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// Between two looks for expired leases.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// What all processes of one run know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct World {
    /// Holds everything of the run.
    pub(crate) folder: PathBuf,
    pub(crate) backend: Backend,
    pub(crate) orders: Orders,
    pub(crate) operations: u64,
    /// How long the clients take to send them all.
    pub(crate) duration: Duration,
    /// Client processes.
    pub(crate) lanes: u32,
    /// The database as workers and clients reach it: through the proxy where there is one.
    pub(crate) url: String,
    /// When the clients begin, in microseconds since 1970.
    pub(crate) starts_at: i64,
}

impl World {
    pub(crate) fn load(folder: &Path) -> crate::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(folder.join("world.json"))?)?)
    }

    pub(crate) fn save(&self) -> crate::Result<()> {
        Ok(std::fs::write(self.folder.join("world.json"), serde_json::to_vec(self)?)?)
    }

    /// The provider's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("provider.sock")
    }

    /// The provider's ledger.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.join("ledger.jsonl")
    }

    /// What one client sent and was told.
    pub(crate) fn told(&self, lane: u32) -> PathBuf {
        self.folder.join(format!("client-{lane}.jsonl"))
    }

    /// What the provider tells by itself.
    pub(crate) fn messages(&self) -> PathBuf {
        self.folder.join("messages.jsonl")
    }

    /// What a receiver has recorded of it.
    pub(crate) fn noted(&self, receiver: u32) -> PathBuf {
        self.folder.join(format!("receiver-{receiver}.jsonl"))
    }

    /// What workers and clients log for a person.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("processes.log")
    }
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::policies::DEFAULT_COMPLETED_RETENTION;
use crate::store::{PurgeParams, Store, StoreError};

/// How long a FAILED operation and its dead letter are kept for an operator.
pub const DEFAULT_FAILED_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Removes terminal operations past their retention. A request repeated after that is a new one.
pub struct Pruner {
    config: PrunerConfig,
    store: Arc<dyn Store>,
}

/// How the [`Pruner`] runs.
#[derive(Debug, Clone, Copy)]
pub struct PrunerConfig {
    /// Between two passes. Defaults to 60 s.
    pub every: Duration,
    /// Operations per pass. Defaults to 1,000.
    pub limit: usize,
    /// Defaults to [`DEFAULT_COMPLETED_RETENTION`].
    pub completed_retention: Duration,
    /// Defaults to [`DEFAULT_FAILED_RETENTION`].
    pub failed_retention: Duration,
}

impl Default for PrunerConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            limit: 1000,
            completed_retention: DEFAULT_COMPLETED_RETENTION,
            failed_retention: DEFAULT_FAILED_RETENTION,
        }
    }
}

impl Pruner {
    /// A pruner.
    pub fn new(config: PrunerConfig, store: Arc<dyn Store>) -> Self {
        Self { config, store }
    }
}

#[async_trait]
impl Upkeep for Pruner {
    const NAME: &'static str = "pruner";

    fn every(&self) -> Duration {
        self.config.every
    }

    async fn run_once(&self) -> Result<Report, StoreError> {
        let PrunerConfig { completed_retention, failed_retention, limit, .. } = self.config;
        let params = PurgeParams {
            completed_after: completed_retention,
            failed_after: failed_retention,
            limit,
        };
        let moved = self.store.purge(params).await?.operations;
        Ok(Report { moved, failed: 0, more: moved >= limit })
    }
}

impl fmt::Debug for Pruner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pruner").field("config", &self.config).finish_non_exhaustive()
    }
}

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::flow::{Divergences, Equipment, Handlers, Watch};
use crate::store::{Finalization, Finalized, Store, StoreError};

/// Finalizes outcomes that are in the log and whose status has not followed: after a crash in
/// between, or a hook that failed. The provider is not called again.
pub struct Finalizer {
    config: FinalizerConfig,
    store: Arc<dyn Store>,
    handlers: Handlers,
    watch: Watch,
    divergences: Divergences,
}

/// How the [`Finalizer`] runs.
#[derive(Debug, Clone, Copy)]
pub struct FinalizerConfig {
    /// Between two passes. Defaults to 1 s.
    pub every: Duration,
    /// Outcomes per pass. Defaults to 100.
    pub limit: usize,
}

impl Default for FinalizerConfig {
    fn default() -> Self {
        Self { every: Duration::from_secs(1), limit: 100 }
    }
}

impl Finalizer {
    /// A finalizer for the kinds of these handlers, and for all without a hook.
    pub fn new(config: FinalizerConfig, equipment: Equipment) -> Self {
        let Equipment { store, handlers, watch } = equipment;
        let divergences = Divergences::new(&store);
        Self { config, store, handlers, watch, divergences }
    }
}

#[async_trait]
impl Upkeep for Finalizer {
    const NAME: &'static str = "finalizer";

    fn every(&self) -> Duration {
        self.config.every
    }

    async fn run_once(&self) -> Result<Report, StoreError> {
        let due = self.store.unfinalized(&self.handlers.kinds(), self.config.limit).await?;
        let mut report = Report { more: due.len() >= self.config.limit, ..Report::default() };
        let batch = due
            .iter()
            .map(|row| Finalization { claim: row.claim, hook: self.handlers.hook(&row.kind) })
            .collect();
        let mut ended = Vec::new();
        for (row, finalized) in due.iter().zip(self.store.finalize(batch).await?) {
            self.handlers.meters(&row.kind).moved(&finalized);
            match finalized {
                Finalized::HookFailed { reason, due_at } => {
                    report.failed += 1;
                    tracing::warn!(op_id = %row.claim.op_id, reason, %due_at,
                        "the finalize hook failed again");
                }
                Finalized::Finished(_) => {
                    report.moved += 1;
                    ended.push(row.claim.op_id);
                }
                _ => report.moved += 1,
            }
            self.watch.moved(row.claim.op_id);
        }
        self.divergences.after_end(ended).await;
        Ok(report)
    }
}

impl fmt::Debug for Finalizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finalizer").field("config", &self.config).finish_non_exhaustive()
    }
}

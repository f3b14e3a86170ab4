use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::flow::{Equipment, divergence};
use crate::store::{Claim, Finalization, Finalized, StoreError};

/// Outcomes per pass.
const LIMIT: usize = 100;

/// Finalizes outcomes that are in the log and whose status has not followed: after a crash in
/// between, or a hook that failed. The provider is not called again.
#[derive(Debug)]
pub struct Finalizer {
    equipment: Equipment,
}

impl Finalizer {
    /// A finalizer with the hooks of these handlers, and for all that needs none.
    #[must_use]
    pub const fn new(equipment: Equipment) -> Self {
        Self { equipment }
    }
}

#[async_trait]
impl Upkeep for Finalizer {
    const NAME: &'static str = "finalizer";

    async fn run_once(&self) -> Result<Report, StoreError> {
        let Equipment { store, handlers, watch } = &self.equipment;
        let due = store.unfinalized(&handlers.hooked_kinds(), LIMIT).await?;
        let mut report = Report { more: due.len() >= LIMIT, ..Report::default() };
        let batch = due
            .iter()
            .map(|row| Finalization { claim: row.claim, hook: handlers.hook(&row.kind) })
            .collect();
        let mut ended = Vec::new();
        for (row, finalized) in due.iter().zip(store.finalize(batch).await?) {
            handlers.meters(&row.kind).moved(&finalized);
            match finalized {
                Finalized::HookFailed { reason, due_at } => {
                    report.failed += 1;
                    tracing::warn!(op_id = %row.claim.op_id, reason, %due_at,
                        "the finalize hook failed again");
                }
                Finalized::Finished(_) => {
                    report.moved += 1;
                    let Claim { op_id, fence } = row.claim;
                    tracing::info!(%op_id, kind = %row.kind, %fence, to = %finalized, "ended");
                    ended.push(row.claim.op_id);
                }
                _ => report.moved += 1,
            }
            watch.moved(row.claim.op_id);
        }
        divergence::after_end(&**store, ended).await;
        Ok(report)
    }
}

use std::fmt;
use std::sync::Arc;

use super::{HistoryEntry, history};
use crate::metrics::Meters;
use crate::policies::Bearing;
use crate::store::{Claim, LateParams, Store, StoreError};
use crate::words::{Fence, OpId, Operation, Owner};

/// Looks for answers that contradict an outcome, and says so once: when the answer comes after
/// the end, by the worker that brings it; when it came before, by the one that ends the operation.
/// If both happen at the same moment, both may log it. Nothing is stored: the history says the
/// same whenever it is read.
#[derive(Clone)]
pub struct Divergences {
    store: Arc<dyn Store>,
}

impl Divergences {
    /// A look into this store.
    #[must_use]
    pub fn new(store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store) }
    }

    /// An answer under this claim came back stale: it may be in the log as a late one.
    pub async fn after_stale(&self, claim: Claim) {
        self.look(vec![claim.op_id], Some(claim.fence)).await;
    }

    /// These operations have come to their end: late answers may have come before it.
    pub async fn after_end(&self, op_ids: Vec<OpId>) {
        if !op_ids.is_empty() {
            self.look(op_ids, None).await;
        }
    }

    /// `brought` is the fence of the answer that has just come, if one has; else all that there
    /// are are looked at.
    async fn look(&self, op_ids: Vec<OpId>, brought: Option<Fence>) {
        if let Err(error) = self.try_look(op_ids, brought).await {
            // This is only the alert; the history has the record.
            tracing::debug!(error = ?error, "late answers could not be read");
        }
    }

    async fn try_look(&self, op_ids: Vec<OpId>, brought: Option<Fence>) -> Result<(), StoreError> {
        let limit = op_ids.len();
        let of = LateParams { of: Some(op_ids), owner: None, after: None, limit };
        for (op_id, owner) in self.store.late(of).await? {
            self.look_at(op_id, &owner, brought).await?;
        }
        Ok(())
    }

    async fn look_at(
        &self,
        op_id: OpId,
        owner: &Owner,
        brought: Option<Fence>,
    ) -> Result<(), StoreError> {
        let (Some(operation), entries) = history(&*self.store, owner, op_id).await? else {
            return Ok(());
        };
        let meters = Meters::of(&operation.identity.kind());
        for entry in entries.iter().filter(|e| brought.is_none_or(|fence| e.fence == fence)) {
            if brought.is_some() && entry.late {
                meters.late_outcome();
            }
            if entry.bearing == Bearing::Diverges {
                meters.diverged();
                tell(&operation, entry);
            }
        }
        Ok(())
    }
}

/// Ids only: what was said may hold a secret.
fn tell(operation: &Operation, entry: &HistoryEntry) {
    let Operation { op_id, identity, status, .. } = operation;
    tracing::warn!(
        %op_id, kind = %identity.kind(), %status, fence = %entry.fence, source = %entry.source,
        "an answer contradicts the outcome of its operation; see its history"
    );
}

impl fmt::Debug for Divergences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Divergences")
    }
}

//! Looks for answers that contradict an outcome, and says so once: when the answer comes after
//! the end, by the worker that brings it; when it came before, by the one that ends the operation.
//! If both happen at the same moment, both may log it. Nothing is stored: the history says the
//! same whenever it is read.

use super::{HistoryEntry, history};
use crate::metrics::Meters;
use crate::policies::Bearing;
use crate::store::{Claim, Finalized, LateParams, Store, StoreError, Swept};
use crate::words::{Fence, OpId, Operation, Owner, Source};

/// An answer under this claim came back stale: it may be in the log as a late one.
pub async fn after_stale(store: &dyn Store, claim: Claim) {
    look(store, vec![claim.op_id], Brought::Under(claim.fence)).await;
}

/// These operations have come to their end: late answers may have come before it.
pub async fn after_end(store: &dyn Store, op_ids: Vec<OpId>) {
    if !op_ids.is_empty() {
        look(store, op_ids, Brought::None).await;
    }
}

/// Providers have told of these operations: some have ended with it, some had ended before.
pub async fn after_messages(store: &dyn Store, applied: &[Swept]) {
    let finished = |swept: &&Swept| matches!(swept.to, Some(Finalized::Finished(_)));
    after_end(store, applied.iter().filter(finished).map(|swept| swept.op_id).collect()).await;
    let late = |swept: &&Swept| matches!(swept.to, Some(Finalized::AlreadyFinal(_)));
    for Swept { op_id, .. } in applied.iter().filter(late) {
        look(store, vec![*op_id], Brought::ByMessage).await;
    }
}

/// Which of the late answers has just come.
#[derive(Debug, Clone, Copy)]
enum Brought {
    /// None: the end came behind all of them.
    None,
    /// The one under this fence.
    Under(Fence),
    /// The last one that is a message of the provider.
    ByMessage,
}

async fn look(store: &dyn Store, op_ids: Vec<OpId>, brought: Brought) {
    if let Err(error) = try_look(store, op_ids, brought).await {
        // This is only the alert; the history has the record.
        tracing::debug!(error = ?error, "late answers could not be read");
    }
}

async fn try_look(
    store: &dyn Store,
    op_ids: Vec<OpId>,
    brought: Brought,
) -> Result<(), StoreError> {
    let limit = op_ids.len();
    let of = LateParams { of: Some(op_ids), owner: None, after: None, limit };
    for (op_id, owner) in store.late(of).await? {
        match look_at(store, op_id, &owner, brought).await {
            // It is shown where operators look; the others come first here.
            Err(StoreError::Corrupt { .. }) => {}
            looked => looked?,
        }
    }
    Ok(())
}

async fn look_at(
    store: &dyn Store,
    op_id: OpId,
    owner: &Owner,
    brought: Brought,
) -> Result<(), StoreError> {
    let (Some(operation), entries) = history(store, owner, op_id).await? else {
        return Ok(());
    };
    let meters = Meters::of(&operation.identity.kind());
    let is_message = |entry: &HistoryEntry| entry.late && entry.source == Source::Provider;
    let brought = match brought {
        Brought::None => None,
        Brought::Under(fence) => Some(fence),
        Brought::ByMessage => entries.iter().rfind(|e| is_message(e)).map(|e| e.fence),
    };
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

/// Ids only: what was said may hold a secret.
fn tell(operation: &Operation, entry: &HistoryEntry) {
    let Operation { op_id, identity, status, .. } = operation;
    tracing::warn!(
        %op_id, kind = %identity.kind(), %status, fence = %entry.fence, source = %entry.source,
        "an answer contradicts the outcome of its operation; see its history"
    );
}

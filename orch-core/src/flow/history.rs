use std::ops::Deref;

use crate::policies::{Bearing, bearings};
use crate::seams::{Store, StoreError};
use crate::words::{LogEntry, OpId, Operation, Owner};

/// An entry of an operation's history: what was said, and what it means for the outcome. Reads
/// like the [`LogEntry`] itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// What was said, by whom and when.
    pub entry: LogEntry,
    /// Whether it counts, corroborates the outcome or diverges from it.
    pub bearing: Bearing,
}

impl Deref for HistoryEntry {
    type Target = LogEntry;

    fn deref(&self) -> &LogEntry {
        &self.entry
    }
}

/// The operation and its history, oldest entry first. The log is read first, so that it holds
/// nothing that the operation has not yet come to. The operation is `None` if this owner has
/// none, or if there are entries and its row cannot be decoded.
///
/// # Errors
/// The store's.
pub async fn history(
    store: &dyn Store,
    owner: &Owner,
    op_id: OpId,
) -> Result<(Option<Operation>, Vec<HistoryEntry>), StoreError> {
    let log = store.history(owner, op_id).await?;
    let operation = match store.get(owner, op_id).await {
        Err(StoreError::Corrupt { .. }) if !log.is_empty() => None,
        found => found?,
    };
    let settlement = operation.as_ref().and_then(|operation| operation.settlement.as_ref());
    let bearings = bearings(settlement, &log);
    let entries = log.into_iter().zip(bearings);
    Ok((operation, entries.map(|(entry, bearing)| HistoryEntry { entry, bearing }).collect()))
}

use super::{Orchestrator, QueryError};
use crate::flow::{HistoryEntry, history};
use crate::policies::Bearing;
use crate::seams::{Cursor, LateParams, ListParams, Listed, Page, StoreError};
use crate::words::{LogEntry, OpId, Operation, Phase, Timestamp};

/// Operations on a page.
const PAGE: usize = 100;

/// An operation that waits for a person, with what a person wants to know before deciding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The operation, for [`Orchestrator::settle`].
    pub op_id: OpId,
    /// As it stands; `None` if its row cannot be decoded.
    pub operation: Option<Box<Operation>>,
    /// Why it is parked.
    pub reason: String,
    /// When the last thing happened that its history knows of, which as a rule is what parked
    /// it; `None` if nothing has.
    pub since: Option<Timestamp>,
    /// Answers of workers that had lost their lease: what the provider may have done. They
    /// settle nothing by themselves.
    pub late: Vec<LogEntry>,
}

/// A finished operation whose history holds answers that contradict its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergent {
    /// The operation with its outcome.
    pub operation: Operation,
    /// The answers that contradict it, oldest first.
    pub answers: Vec<LogEntry>,
}

impl Orchestrator {
    /// The history of one operation, oldest entry first: every ended attempt, every answer of a
    /// reconcile, every decision, and answers that came too late; of each whether the operation
    /// followed it, or else whether it corroborates the outcome or diverges from it.
    ///
    /// # Errors
    /// [`QueryError::NotFound`]; the store's.
    pub async fn history(&self, op_id: OpId) -> Result<Vec<HistoryEntry>, QueryError> {
        match history(self.store(), self.owner(), op_id).await? {
            (None, entries) if entries.is_empty() => Err(QueryError::NotFound { op_id }),
            (_, entries) => Ok(entries),
        }
    }

    /// A page of this owner's parked operations, oldest first, up to 100. The next page is the
    /// one `after` [`Page::next`]; `None` begins. Those of another owner:
    /// `orchestrator.owned_by(owner).parked(None)`.
    ///
    /// ```
    /// # use orch_core::{runtime::Orchestrator, seams as orch};
    /// use orch::Settle;
    ///
    /// # async fn desk(orchestrator: &Orchestrator) -> Result<(), Box<dyn std::error::Error>> {
    /// for parked in orchestrator.parked(None).await?.items {
    ///     println!("{} since {:?}: {}", parked.op_id, parked.since, parked.reason);
    ///     // The provider's own pages show the charge: the result, as the handler returns it.
    ///     let settle = Settle::ok("ch_42")?;
    ///     orchestrator.settle(parked.op_id, settle, "kim", "seen on their pages").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub async fn parked(&self, after: Option<Cursor>) -> Result<Page<Parked>, StoreError> {
        let phase = Some(Phase::Parked);
        let params = ListParams { phase, after, limit: PAGE, ..ListParams::default() };
        let Page { items, next } = self.list(params).await?;
        let mut parked = Vec::with_capacity(items.len());
        for listed in items {
            parked.push(self.parked_one(listed).await?);
        }
        Ok(Page { items: parked, next })
    }

    async fn parked_one(&self, listed: Listed) -> Result<Parked, StoreError> {
        let (op_id, reason, operation) = match listed {
            Listed::Operation(operation) => {
                let reason = operation.reason.clone().unwrap_or_default();
                (operation.op_id, reason, Some(operation))
            }
            Listed::Undecodable { op_id, reason } => (op_id, reason, None),
        };
        let log = self.store().history(self.owner(), op_id).await?;
        let since = log.iter().rfind(|entry| !entry.late).map(|entry| entry.logged_at);
        let late = log.into_iter().filter(|entry| entry.late).collect();
        Ok(Parked { op_id, operation, reason, since, late })
    }

    /// A page of this owner's finished operations whose history holds an answer that contradicts
    /// the outcome, COMPLETED and FAILED alike, oldest first. A page may hold few operations or
    /// none and still have a next one: up to 100 operations with late answers are looked at.
    ///
    /// None is no proof that there was none. A worker that is given up cancels its call, unless
    /// the answer is there already: what the provider says after that, nobody hears.
    ///
    /// # Errors
    /// The store's.
    pub async fn divergent(&self, after: Option<Cursor>) -> Result<Page<Divergent>, StoreError> {
        let owner = Some(self.owner().clone());
        let late = self.store().late(LateParams { of: None, owner, after, limit: PAGE }).await?;
        let next = late.last().filter(|_| late.len() == PAGE).map(|(op_id, _)| *op_id);
        let mut items = Vec::new();
        for (op_id, owner) in late {
            let (operation, entries) = history(self.store(), &owner, op_id).await?;
            let diverging = entries.into_iter().filter(|e| e.bearing == Bearing::Diverges);
            let answers: Vec<LogEntry> = diverging.map(|e| e.entry).collect();
            if let (Some(operation), false) = (operation, answers.is_empty()) {
                items.push(Divergent { operation, answers });
            }
        }
        Ok(Page { items, next })
    }
}

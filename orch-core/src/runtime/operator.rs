use std::fmt;

use super::{Orchestrator, QueryError};
use crate::flow::{HistoryEntry, history};
use crate::policies::Bearing;
use crate::provider::{Provider, ProviderKey};
use crate::store::{Cursor, LateParams, ListParams, Listed, Page, StoreError};
use crate::words::{LogEntry, OpId, Operation, Phase, Timestamp, one_line};

/// Operations on a page.
const PAGE: usize = 100;

/// An operation that waits for an operator, with what an operator needs to know before deciding.
/// Prints as one line, without command and outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parked {
    /// The operation, for [`Orchestrator::resolve`].
    pub op_id: OpId,
    /// The operation as it is now; `None` if its row cannot be decoded.
    pub operation: Option<Box<Operation>>,
    /// Why it is parked.
    pub reason: String,
    /// When the latest entry of its history was written, which as a rule is the one that parked
    /// it; `None` if there is none. Late answers do not count.
    pub since: Option<Timestamp>,
    /// Answers of workers that had lost their lease: what the provider may have done. They
    /// change nothing by themselves.
    pub late: Vec<LogEntry>,
    /// What is wrong with its history, if that cannot be read: then nothing is known of the two above.
    pub unreadable: Option<String>,
}

impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.op_id)?;
        if let Some(operation) = &self.operation {
            let identity = &operation.identity;
            write!(f, " {} {:?}", identity.kind(), identity.biz_key.as_str())?;
        }
        if let Some(since) = self.since {
            write!(f, ", parked since {since}")?;
        }
        if !self.late.is_empty() {
            write!(f, ", late answers: {}", self.late.len())?;
        }
        if let Some(unreadable) = &self.unreadable {
            write!(f, ", history unreadable: {}", one_line(unreadable))?;
        }
        write!(f, ": {}", one_line(&self.reason))
    }
}

/// A finished operation whose history holds answers that contradict its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergent {
    /// The operation.
    pub op_id: OpId,
    /// The operation with its outcome; `None` if its row or its history cannot be read.
    pub operation: Option<Box<Operation>>,
    /// The answers that contradict it, oldest first.
    pub answers: Vec<LogEntry>,
    /// What is wrong with its row or its history, if they cannot be read: an answer in it may contradict
    /// the outcome.
    pub unreadable: Option<String>,
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

    /// Every key that a call of this operation may have carried, the newest first: for looking it
    /// up at the provider. `P` is the contract that the handler names as its `provider`,
    /// `AnyProvider` where it names none.
    ///
    /// A provider that replays errors gets a new key after a definite `Retry`, so there are at
    /// most [`Operation::retries`] keys beside the first. Some of these may never have been sent:
    /// a `Retry` behind an attempt in doubt keeps the key. With any other provider the last one
    /// of the list is the operation's only key.
    ///
    /// ```
    /// # use orch_core::runtime::Orchestrator;
    /// # use orch_core::words::OpId;
    /// use orch_core::provider::catalogue::Stripe;
    ///
    /// # async fn desk(orchestrator: &Orchestrator, op_id: OpId)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// for key in orchestrator.provider_keys::<Stripe>(op_id).await? {
    ///     println!("look for {key} in the provider's log of requests");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`QueryError::NotFound`]; the store's.
    pub async fn provider_keys<P: Provider>(&self, op_id: OpId) -> Result<Vec<String>, QueryError> {
        let operation = self.get(op_id).await?.ok_or(QueryError::NotFound { op_id })?;
        let generations = (0..=operation.retries).rev();
        Ok(generations.map(|g| ProviderKey::<P>::text_of(operation.key_source(g))).collect())
    }

    /// A page of this owner's parked operations, oldest first, up to 100. The next page is the
    /// one `after` [`Page::next`]; `None` begins. Those of another owner:
    /// `orchestrator.owned_by(owner).parked(None)`.
    ///
    /// ```
    /// # use orch_core::{runtime::Orchestrator, store as orch};
    /// use orch::Resolution;
    ///
    /// # async fn desk(orchestrator: &Orchestrator) -> Result<(), Box<dyn std::error::Error>> {
    /// for parked in orchestrator.parked(None).await?.items {
    ///     println!("{} since {:?}: {}", parked.op_id, parked.since, parked.reason);
    ///     // The provider's own pages show the charge: the result, as the handler returns it.
    ///     let resolution = Resolution::ok("ch_42")?;
    ///     orchestrator.resolve(parked.op_id, resolution, "kim", "seen on their pages").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub async fn parked(&self, after: Option<Cursor>) -> Result<Page<Parked>, StoreError> {
        let params = ListParams::default().phase(Phase::Parked).after(after).limit(PAGE);
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
        let (log, unreadable) = match self.store().history(self.owner(), op_id).await {
            Err(StoreError::Corrupt { reason, .. }) => (Vec::new(), Some(reason)),
            log => (log?, None),
        };
        let since = log.iter().rfind(|entry| !entry.late).map(|entry| entry.logged_at);
        let late = log.into_iter().filter(|entry| entry.late).collect();
        Ok(Parked { op_id, operation, reason, since, late, unreadable })
    }

    /// A page of this owner's finished operations whose history holds an answer that contradicts
    /// the outcome, COMPLETED and FAILED alike, oldest first. A page may hold few operations or
    /// none and still have a next one: up to 100 operations with late answers are looked at.
    ///
    /// An empty list does not prove that nothing diverged. A worker that loses its lease cancels
    /// its call, unless the answer is there already: an answer that comes after that is lost.
    ///
    /// # Errors
    /// The store's.
    pub async fn divergent(&self, after: Option<Cursor>) -> Result<Page<Divergent>, StoreError> {
        let owner = Some(self.owner().clone());
        let late = self.store().late(LateParams { of: None, owner, after, limit: PAGE }).await?;
        let next = late.last().filter(|_| late.len() == PAGE).map(|(op_id, _)| *op_id);
        let mut items = Vec::new();
        for (op_id, owner) in late {
            let (operation, entries) = match history(self.store(), &owner, op_id).await {
                Err(StoreError::Corrupt { reason, .. }) => {
                    let (operation, unreadable) = (None, Some(reason));
                    items.push(Divergent { op_id, operation, answers: Vec::new(), unreadable });
                    continue;
                }
                found => found?,
            };
            let diverging = entries.into_iter().filter(|e| e.bearing == Bearing::Diverges);
            let answers: Vec<LogEntry> = diverging.map(|e| e.entry).collect();
            if let (Some(operation), false) = (operation, answers.is_empty()) {
                let operation = Some(Box::new(operation));
                items.push(Divergent { op_id, operation, answers, unreadable: None });
            }
        }
        Ok(Page { items, next })
    }
}

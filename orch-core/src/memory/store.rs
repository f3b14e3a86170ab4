use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::tables::Tables;
use super::{accept, answer, claim, incarnation, lease, operator, purge, read, settle, sweep};
use crate::store::{
    Acceptance, Admitted, AnswerParams, Backend, ClaimParams, Claimed, Clock, ConfirmParams,
    Confirmed, ConnectionType, EndedAttempt, Finalization, Finalized, LateParams, ListParams,
    Logged, Page, Purged, RecordParams, RecordedAnswer, RedriveParams, Redriven, Release, Released,
    RenewParams, Renewed, ResolveParams, Resolved, Store, StoreError, SweepParams, Swept,
    SystemClock, Unfinalized, Unfinished, UnfinishedParams, Unmatched, UnmatchedParams, lock,
    monotonic,
};
use crate::words::{
    DeadLetter, Identity, IdentityForm, Incarnation, KeyNamespace, Kind, LogEntry, OpId, Operation,
    Owner, Reference, StoredForm, Timestamp,
};

/// Keeps operations in memory. A clone is another handle on the same tables, as a second
/// process would have on the same database.
#[derive(Clone)]
pub struct MemoryStore {
    pub(super) tables: Arc<Mutex<Tables>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) work: Arc<Notify>,
}

/// What finalize hooks get from the memory store: a transaction in which there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryConnection;

inventory::submit! {
    Backend {
        scheme: "memory",
        open: |_| Box::pin(async { Ok(Arc::new(MemoryStore::new()) as Arc<dyn Store>) }),
        look: |_| Box::pin(async { Ok(Arc::new(MemoryStore::new()) as Arc<dyn Store>) }),
    }
}

impl MemoryStore {
    /// A new, empty store on the host's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// A new, empty store on this clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { tables: Arc::default(), clock, work: Arc::default() }
    }

    /// One transaction.
    fn transact<T>(&self, verb: impl FnOnce(&mut Tables, Timestamp) -> T) -> T {
        let mut tables = lock(&self.tables);
        let now = self.clock.now();
        verb(&mut tables, now)
    }

    /// One transaction after which there may be work to claim. Wakes all who wait, and leaves a
    /// permit for one who has just found nothing and is about to wait.
    fn transact_and_wake<T>(&self, verb: impl FnOnce(&mut Tables, Timestamp) -> T) -> T {
        let answer = self.transact(verb);
        self.wake();
        answer
    }

    /// The hook runs between two transactions, on a copy, so that it may take its time. The
    /// second one checks the fence again; the second caller finds the entry COMPLETED.
    async fn finalize_one(&self, item: Finalization) -> Finalized {
        if let Some(hook) = &item.hook {
            let due = self.transact(|tables, now| settle::due_for_hook(tables, item.claim, now));
            if let Some((outcome, of)) = due {
                let connection = &mut MemoryConnection;
                let run = hook.run_within(Duration::MAX, connection, &outcome, &of).await;
                if let Some(Err(error)) = run {
                    return self.transact(|tables, now| {
                        settle::hook_failed(tables, item.claim, &error, now)
                    });
                }
            }
        }
        let has_hook = item.hook.is_some();
        self.transact_and_wake(|tables, now| settle::finalize(tables, item.claim, has_hook, now))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} operations)", lock(&self.tables).rows.len())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn connection_type(&self) -> ConnectionType {
        ConnectionType::of::<MemoryConnection>()
    }

    /// One lock serves all.
    fn accept_batches(&self) -> usize {
        1
    }

    async fn key_namespace(&self, given: Option<KeyNamespace>) -> Result<KeyNamespace, StoreError> {
        Ok(self.transact(|tables, _| {
            let all = &mut tables.key_namespaces;
            let newest = given.or(all.last().copied()).unwrap_or_else(KeyNamespace::generate);
            if !all.contains(&newest) {
                all.push(newest);
            }
            newest
        }))
    }

    async fn incarnation(&self) -> Result<Incarnation, StoreError> {
        Ok(self.transact(incarnation::look))
    }

    async fn confirm(&self, params: ConfirmParams) -> Result<Confirmed, StoreError> {
        Ok(self.transact_and_wake(|tables, now| incarnation::confirm(tables, &params, now)))
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }

    async fn forms(&self) -> Result<Vec<(Kind, StoredForm)>, StoreError> {
        let all = |tables: &mut Tables, _| tables.forms.clone().into_iter().collect();
        Ok(self.transact(all))
    }

    async fn identify(&self, kind: &Kind, form: IdentityForm) -> Result<StoredForm, StoreError> {
        Ok(self.transact(|tables, _| accept::identify(tables, kind, form)))
    }

    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Admitted>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| accept::accept(tables, batch, now)))
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<Claimed>, StoreError> {
        Ok(self.transact(|tables, now| claim::claim(tables, &params, now)))
    }

    async fn renew(&self, params: RenewParams) -> Result<Vec<Renewed>, StoreError> {
        Ok(self.transact(|tables, now| lease::renew(tables, &params, now)))
    }

    async fn log(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError> {
        Ok(self.transact(|tables, now| {
            batch.iter().map(|ended| settle::log(tables, ended, now)).collect()
        }))
    }

    async fn finalize(&self, batch: Vec<Finalization>) -> Result<Vec<Finalized>, StoreError> {
        let mut answers = Vec::with_capacity(batch.len());
        for item in batch {
            answers.push(self.finalize_one(item).await);
        }
        Ok(answers)
    }

    async fn settle(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Finalized>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| {
            batch.iter().map(|ended| settle::settle(tables, ended, now)).collect()
        }))
    }

    async fn release(&self, batch: Vec<Release>) -> Result<Vec<Released>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| {
            batch.iter().map(|release| lease::release(tables, release, now)).collect()
        }))
    }

    async fn sweep_expired(&self, limit: usize) -> Result<Vec<Swept>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| sweep::expired(tables, limit, now)))
    }

    async fn sweep_over_budget(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| sweep::over_budget(tables, &params, now)))
    }

    async fn sweep_earlier(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| sweep::earlier(tables, &params, now)))
    }

    async fn unfinalized(
        &self,
        kinds: &[Kind],
        limit: usize,
    ) -> Result<Vec<Unfinalized>, StoreError> {
        Ok(self.transact(|tables, now| read::unfinalized(tables, kinds, limit, now)))
    }

    async fn get(&self, owner: &Owner, op_id: OpId) -> Result<Option<Operation>, StoreError> {
        self.transact(|tables, _| read::get(tables, owner, op_id))
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Operation>, StoreError> {
        self.transact(|tables, _| read::find(tables, identity))
    }

    async fn history(&self, owner: &Owner, op_id: OpId) -> Result<Vec<LogEntry>, StoreError> {
        self.transact(|tables, _| read::history(tables, owner, op_id))
    }

    async fn dead_letter(
        &self,
        owner: &Owner,
        op_id: OpId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        self.transact(|tables, _| read::dead_letter(tables, owner, op_id))
    }

    async fn list(&self, params: ListParams) -> Result<Page, StoreError> {
        Ok(self.transact(|tables, _| read::list(tables, &params)))
    }

    async fn unfinished(&self, params: UnfinishedParams) -> Result<Page<Unfinished>, StoreError> {
        Ok(self.transact(|tables, _| read::unfinished(tables, params)))
    }

    async fn late(&self, params: LateParams) -> Result<Vec<(OpId, Owner)>, StoreError> {
        Ok(self.transact(|tables, _| read::late(tables, &params)))
    }

    async fn resolve(&self, params: ResolveParams) -> Result<Resolved, StoreError> {
        self.transact_and_wake(|tables, now| operator::resolve(tables, &params, now))
    }

    async fn refer(&self, of: Reference, op_id: OpId) -> Result<(), StoreError> {
        self.transact(|tables, now| answer::refer(tables, of, op_id, now));
        Ok(())
    }

    async fn record(&self, params: RecordParams) -> Result<RecordedAnswer, StoreError> {
        Ok(self.transact(|tables, now| answer::record(tables, params, now)))
    }

    async fn answer(&self, params: AnswerParams) -> Result<Vec<Swept>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| answer::answer(tables, &params, now)))
    }

    async fn unmatched(&self, params: UnmatchedParams) -> Result<Vec<Unmatched>, StoreError> {
        Ok(self.transact(|tables, _| answer::unmatched(tables, params)))
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven, StoreError> {
        self.transact_and_wake(|tables, now| operator::redrive(tables, &params, now))
    }

    async fn purge(&self, limit: usize) -> Result<Purged, StoreError> {
        Ok(self.transact(|tables, now| purge::purge(tables, limit, now)))
    }

    async fn unknown_kinds(&self, known: &[Kind]) -> Result<Vec<(Kind, u64)>, StoreError> {
        Ok(self.transact(|tables, now| read::unknown_kinds(tables, known, now)))
    }

    async fn wait_for_work(&self, timeout: Duration) {
        let next = self.transact(|tables, now| read::next_due(tables, now));
        let timeout = next.map_or(timeout, |next| next.min(timeout));
        // Running into the timeout is the other way to return, not a failure.
        let _ = monotonic::timeout(timeout, self.work.notified()).await;
    }

    fn wake(&self) {
        self.work.notify_waiters();
        self.work.notify_one();
    }
}

#[cfg(test)]
mod tests;

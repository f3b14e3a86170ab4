use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::tables::Tables;
use super::{accept, claim, ended, people, purge, read, sweep};
use crate::seams::{
    Acceptance, Admitted, Backend, ClaimParams, Claimed, Clock, ConnectionType, EndedAttempt,
    Finalization, Finalized, ListParams, Logged, Page, PurgeParams, Purged, RedriveParams,
    Redriven, Release, Released, RenewParams, Renewed, SettleParams, SettledParked, Store,
    StoreError, SweepParams, Swept, SystemClock, Unfinalized,
};
use crate::words::{DeadLetter, Identity, Kind, LogEntry, OpId, Operation, Owner, Timestamp};

/// Keeps operations in memory. A clone is another handle on the same tables, as a second
/// process would have on the same database.
#[derive(Clone)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    clock: Arc<dyn Clock>,
    work: Arc<Notify>,
}

/// What finalize hooks get from the memory store: a transaction in which there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryConnection;

inventory::submit! {
    Backend {
        scheme: "memory",
        open: |_| Box::pin(async { Ok(Arc::new(MemoryStore::new()) as Arc<dyn Store>) }),
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

    /// Another handle on the same tables that reads another clock, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn reopened_with(&self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self.clone() }
    }

    /// Makes a row such that it cannot be decoded, for tests.
    #[doc(hidden)]
    pub fn corrupt(&self, op_id: OpId) {
        if let Some(row) = self.lock().rows.get_mut(&op_id) {
            row.corrupt = true;
        }
    }

    /// The tables stay whole if a thread panics while it holds them: no verb panics half-way.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction.
    fn transact<T>(&self, verb: impl FnOnce(&mut Tables, Timestamp) -> T) -> T {
        let mut tables = self.lock();
        let now = self.clock.now();
        verb(&mut tables, now)
    }

    /// One transaction after which there may be work to claim. Wakes all who wait, and leaves a
    /// permit for one who has just found nothing and is about to wait.
    fn transact_and_wake<T>(&self, verb: impl FnOnce(&mut Tables, Timestamp) -> T) -> T {
        let answer = self.transact(verb);
        self.work.notify_waiters();
        self.work.notify_one();
        answer
    }

    /// The hook runs between two transactions, on a copy, so that it may take its time. The
    /// second one checks the fence again; whoever comes second finds the entry COMPLETED.
    async fn finalize_one(&self, item: Finalization) -> Finalized {
        if let Some(hook) = item.hook {
            let settlement = self.transact(|tables, _| ended::due_for_hook(tables, item.claim));
            if let Some(settlement) = settlement {
                let run = (hook.run)(&mut MemoryConnection, &settlement).await;
                if let Err(error) = run {
                    return self.transact(|tables, now| {
                        ended::hook_failed(tables, item.claim, &error, now)
                    });
                }
            }
        }
        self.transact_and_wake(|tables, now| ended::finalize(tables, item.claim, now))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} operations)", self.lock().rows.len())
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

    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }

    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Admitted>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| accept::accept(tables, batch, now)))
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<Claimed>, StoreError> {
        Ok(self.transact(|tables, now| claim::claim(tables, &params, now)))
    }

    async fn renew(&self, params: RenewParams) -> Result<Vec<Renewed>, StoreError> {
        Ok(self.transact(|tables, now| claim::renew(tables, &params, now)))
    }

    async fn log(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError> {
        Ok(self.transact(|tables, now| {
            batch.into_iter().map(|ended| ended::log(tables, ended, now)).collect()
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
            batch.into_iter().map(|ended| ended::settle(tables, ended, now)).collect()
        }))
    }

    async fn release(&self, batch: Vec<Release>) -> Result<Vec<Released>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| {
            batch.into_iter().map(|release| claim::release(tables, release, now)).collect()
        }))
    }

    async fn sweep_expired(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| sweep::expired(tables, &params, now)))
    }

    async fn sweep_over_budget(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        Ok(self.transact_and_wake(|tables, now| sweep::over_budget(tables, &params, now)))
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
        Ok(self.transact(|tables, _| read::history(tables, owner, op_id)))
    }

    async fn dead_letter(
        &self,
        owner: &Owner,
        op_id: OpId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.transact(|tables, _| read::dead_letter(tables, owner, op_id)))
    }

    async fn list(&self, params: ListParams) -> Result<Page, StoreError> {
        Ok(self.transact(|tables, _| read::list(tables, &params)))
    }

    async fn settle_parked(&self, params: SettleParams) -> Result<SettledParked, StoreError> {
        self.transact_and_wake(|tables, now| people::settle_parked(tables, params, now))
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven, StoreError> {
        self.transact_and_wake(|tables, now| people::redrive(tables, &params, now))
    }

    async fn purge(&self, params: PurgeParams) -> Result<Purged, StoreError> {
        Ok(self.transact(|tables, now| purge::purge(tables, params, now)))
    }

    async fn unknown_kinds(&self, known: &[Kind]) -> Result<Vec<(Kind, u64)>, StoreError> {
        Ok(self.transact(|tables, now| read::unknown_kinds(tables, known, now)))
    }

    async fn wait_for_work(&self, timeout: Duration) {
        let next = self.transact(|tables, now| read::next_due(tables, now));
        let timeout = next.map_or(timeout, |next| next.min(timeout));
        // Running into the timeout is the other way to return, not a failure.
        let _ = tokio::time::timeout(timeout, self.work.notified()).await;
    }
}

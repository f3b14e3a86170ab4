use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use orch_core::seams::{
    Acceptance, Admitted, ClaimParams, Claimed, ConnectionType, EndedAttempt, Finalization,
    Finalized, LateParams, ListParams, Logged, Page, PurgeParams, Purged, RedriveParams, Redriven,
    Release, Released, RenewParams, Renewed, SettleParams, SettledParked, Store, StoreError,
    SweepParams, Swept, Unfinalized,
};
use orch_core::words::{DeadLetter, Identity, Kind, LogEntry, OpId, Operation, Owner, Timestamp};

/// A store that fails when a test says so, in front of one that does not.
///
/// Calls of each verb are counted from 1. A fault is planned for one of them, before or after
/// it happens; [`FaultStore::go_down`] fails every call until [`FaultStore::come_back`].
///
/// ```
/// # use std::sync::Arc;
/// # use orch_core::memory::MemoryStore;
/// # use orch_testkit::{Fault, FaultStore, Verb};
/// let store = FaultStore::new(Arc::new(MemoryStore::new()));
/// store.plan(Verb::Settle, 1, Fault::ReplyLost);
/// ```
pub struct FaultStore {
    inner: Arc<dyn Store>,
    script: Mutex<Script>,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out; the error is transient.
    NotSent,
    /// It is carried out, and its reply is lost; the error is transient.
    ReplyLost,
    /// It is not carried out; the error is fatal.
    Refused,
}

/// A verb of the store that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the method of the same name")]
pub enum Verb {
    Migrate,
    Now,
    Accept,
    Claim,
    Renew,
    Log,
    Finalize,
    Settle,
    Release,
    SweepExpired,
    SweepOverBudget,
    Unfinalized,
    Get,
    Find,
    History,
    DeadLetter,
    List,
    Late,
    SettleParked,
    Redrive,
    Purge,
    UnknownKinds,
}

#[derive(Default)]
struct Script {
    calls: HashMap<Verb, usize>,
    faults: HashMap<(Verb, usize), Fault>,
    down: bool,
}

impl FaultStore {
    /// A store that does as this one until told otherwise.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, script: Mutex::default() }
    }

    /// Lets the `nth` call of a verb fail, counted from 1 since the store was made.
    pub fn plan(&self, verb: Verb, nth: usize, fault: Fault) {
        self.script.lock().unwrap().faults.insert((verb, nth), fault);
    }

    /// Every call fails as [`Fault::NotSent`] from here on, like a database that is away.
    pub fn go_down(&self) {
        self.script.lock().unwrap().down = true;
    }

    /// The database is there again.
    pub fn come_back(&self) {
        self.script.lock().unwrap().down = false;
    }

    /// How often a verb was called, failed calls included.
    #[must_use]
    pub fn calls(&self, verb: Verb) -> usize {
        self.script.lock().unwrap().calls.get(&verb).copied().unwrap_or(0)
    }

    async fn through<T>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.next_fault(verb) {
            None => call.await,
            Some(Fault::NotSent) => Err(StoreError::transient("the fault store: not sent")),
            Some(Fault::Refused) => Err(StoreError::fatal("the fault store: refused")),
            Some(Fault::ReplyLost) => {
                call.await?;
                Err(StoreError::transient("the fault store: the reply is lost"))
            }
        }
    }

    /// Counts a call and says how it fails.
    fn next_fault(&self, verb: Verb) -> Option<Fault> {
        let mut script = self.script.lock().unwrap();
        let calls = script.calls.entry(verb).or_insert(0);
        *calls += 1;
        let nth = *calls;
        let planned = script.faults.remove(&(verb, nth));
        if script.down { Some(Fault::NotSent) } else { planned }
    }
}

impl fmt::Debug for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultStore")
    }
}

#[async_trait]
impl Store for FaultStore {
    async fn migrate(&self) -> Result<(), StoreError> {
        self.through(Verb::Migrate, self.inner.migrate()).await
    }

    fn connection_type(&self) -> ConnectionType {
        self.inner.connection_type()
    }

    fn accept_lanes(&self) -> usize {
        self.inner.accept_lanes()
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.through(Verb::Now, self.inner.now()).await
    }

    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Admitted>, StoreError> {
        self.through(Verb::Accept, self.inner.accept(batch)).await
    }

    async fn claim(&self, params: ClaimParams) -> Result<Vec<Claimed>, StoreError> {
        self.through(Verb::Claim, self.inner.claim(params)).await
    }

    async fn renew(&self, params: RenewParams) -> Result<Vec<Renewed>, StoreError> {
        self.through(Verb::Renew, self.inner.renew(params)).await
    }

    async fn log(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError> {
        self.through(Verb::Log, self.inner.log(batch)).await
    }

    async fn finalize(&self, batch: Vec<Finalization>) -> Result<Vec<Finalized>, StoreError> {
        self.through(Verb::Finalize, self.inner.finalize(batch)).await
    }

    async fn settle(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Finalized>, StoreError> {
        self.through(Verb::Settle, self.inner.settle(batch)).await
    }

    async fn release(&self, batch: Vec<Release>) -> Result<Vec<Released>, StoreError> {
        self.through(Verb::Release, self.inner.release(batch)).await
    }

    async fn sweep_expired(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        self.through(Verb::SweepExpired, self.inner.sweep_expired(params)).await
    }

    async fn sweep_over_budget(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        self.through(Verb::SweepOverBudget, self.inner.sweep_over_budget(params)).await
    }

    async fn unfinalized(
        &self,
        kinds: &[Kind],
        limit: usize,
    ) -> Result<Vec<Unfinalized>, StoreError> {
        self.through(Verb::Unfinalized, self.inner.unfinalized(kinds, limit)).await
    }

    async fn get(&self, owner: &Owner, op_id: OpId) -> Result<Option<Operation>, StoreError> {
        self.through(Verb::Get, self.inner.get(owner, op_id)).await
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Operation>, StoreError> {
        self.through(Verb::Find, self.inner.find(identity)).await
    }

    async fn history(&self, owner: &Owner, op_id: OpId) -> Result<Vec<LogEntry>, StoreError> {
        self.through(Verb::History, self.inner.history(owner, op_id)).await
    }

    async fn dead_letter(
        &self,
        owner: &Owner,
        op_id: OpId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        self.through(Verb::DeadLetter, self.inner.dead_letter(owner, op_id)).await
    }

    async fn list(&self, params: ListParams) -> Result<Page, StoreError> {
        self.through(Verb::List, self.inner.list(params)).await
    }

    async fn late(&self, params: LateParams) -> Result<Vec<(OpId, Owner)>, StoreError> {
        self.through(Verb::Late, self.inner.late(params)).await
    }

    async fn settle_parked(&self, params: SettleParams) -> Result<SettledParked, StoreError> {
        self.through(Verb::SettleParked, self.inner.settle_parked(params)).await
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven, StoreError> {
        self.through(Verb::Redrive, self.inner.redrive(params)).await
    }

    async fn purge(&self, params: PurgeParams) -> Result<Purged, StoreError> {
        self.through(Verb::Purge, self.inner.purge(params)).await
    }

    async fn unknown_kinds(&self, known: &[Kind]) -> Result<Vec<(Kind, u64)>, StoreError> {
        self.through(Verb::UnknownKinds, self.inner.unknown_kinds(known)).await
    }

    async fn wait_for_work(&self, timeout: Duration) {
        self.inner.wait_for_work(timeout).await;
    }
}

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use orch_core::store::{
    Acceptance, Admitted, ClaimParams, Claimed, ConnectionType, EndedAttempt, Finalization,
    Finalized, LateParams, ListParams, Logged, Page, PurgeParams, Purged, RedriveParams, Redriven,
    Release, Released, RenewParams, Renewed, ResolveParams, Resolved, Store, StoreError,
    SweepParams, Swept, Unfinalized, monotonic,
};
use orch_core::words::{DeadLetter, Identity, Kind, LogEntry, OpId, Operation, Owner, Timestamp};
use tokio::sync::watch;

/// A store that fails when a test says so, in front of one that does not.
///
/// Calls of each verb are counted from 1. A fault is planned for one of them, before or after
/// it happens; [`FaultStore::go_down`] fails every call until [`FaultStore::come_back`], and
/// after a kill nothing comes through any more, as from a process that is dead.
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
    dead: watch::Sender<bool>,
    /// Planned faults that are not over.
    open: watch::Sender<usize>,
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
    /// The process dies before it: it is not carried out, and nothing after it is.
    KillBefore,
    /// The process dies after it: it is carried out, nobody gets to know, and nothing after it
    /// is.
    KillAfter,
    /// It hangs for so long, and is then carried out.
    Stall(Duration),
}

// The enum and its list are one, so that no verb is forgotten where all of them are to fail.
macro_rules! verbs {
    ($($verb:ident)*) => {
        /// A verb of the store that can fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is the method of the same name")]
        pub enum Verb {
            $($verb,)*
        }

        impl Verb {
            /// All of them, roughly in the order of an operation's life.
            pub const ALL: &[Self] = &[$(Self::$verb,)*];
        }
    };
}

verbs! {
    Migrate Now Accept Claim Renew Log Finalize Settle Release SweepExpired SweepOverBudget
    Unfinalized Get Find History DeadLetter List Late Resolve Redrive Purge UnknownKinds
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
        Self {
            inner,
            script: Mutex::default(),
            dead: watch::Sender::new(false),
            open: watch::Sender::new(0),
        }
    }

    /// Lets the `nth` call of a verb fail, counted from 1 since the store was made.
    pub fn plan(&self, verb: Verb, nth: usize, fault: Fault) {
        let replaced = self.script.lock().unwrap().faults.insert((verb, nth), fault);
        self.open.send_modify(|open| *open += usize::from(replaced.is_none()));
    }

    /// Every call fails as [`Fault::NotSent`] from here on, like a database that is away.
    pub fn go_down(&self) {
        self.script.lock().unwrap().down = true;
    }

    /// The database is there again.
    pub fn come_back(&self) {
        self.script.lock().unwrap().down = false;
    }

    /// From here on nothing comes through, in either direction: every call fails as
    /// [`Fault::Refused`].
    pub fn kill(&self) {
        self.dead.send_replace(true);
    }

    /// True after a kill.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Returns after a kill.
    pub async fn killed(&self) {
        let mut dead = self.dead.subscribe();
        dead.wait_for(|dead| *dead).await.expect("the store lives");
    }

    /// Returns once every planned fault is over.
    pub async fn came_to_pass(&self) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open == 0).await.expect("the store lives");
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
        if self.is_dead() {
            return Err(dead());
        }
        let (fault, planned) = self.next_fault(verb);
        let answer = match fault {
            None => call.await,
            Some(fault) => self.fail(fault, call).await,
        };
        if planned {
            self.open.send_modify(|open| *open -= 1);
        }
        // It died while this was under way: whatever became of it, nobody gets to know.
        if self.is_dead() { Err(dead()) } else { answer }
    }

    async fn fail<T>(
        &self,
        fault: Fault,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match fault {
            Fault::NotSent => Err(StoreError::transient("the fault store: not sent")),
            Fault::Refused => Err(StoreError::fatal("the fault store: refused")),
            Fault::ReplyLost => {
                call.await?;
                Err(StoreError::transient("the fault store: the reply is lost"))
            }
            Fault::KillBefore => {
                self.kill();
                Err(dead())
            }
            Fault::KillAfter => {
                let answer = call.await;
                self.kill();
                answer
            }
            Fault::Stall(span) => {
                monotonic::sleep(span).await;
                call.await
            }
        }
    }

    /// Counts a call and says how it fails, and whether that was planned.
    fn next_fault(&self, verb: Verb) -> (Option<Fault>, bool) {
        let mut script = self.script.lock().unwrap();
        let calls = script.calls.entry(verb).or_insert(0);
        *calls += 1;
        let nth = *calls;
        let planned = script.faults.remove(&(verb, nth));
        let fault = if script.down { Some(Fault::NotSent) } else { planned };
        (fault, planned.is_some())
    }
}

fn dead() -> StoreError {
    StoreError::fatal("the fault store: this process is dead")
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

    fn accept_batches(&self) -> usize {
        self.inner.accept_batches()
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

    async fn sweep_expired(&self, limit: usize) -> Result<Vec<Swept>, StoreError> {
        self.through(Verb::SweepExpired, self.inner.sweep_expired(limit)).await
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

    async fn resolve(&self, params: ResolveParams) -> Result<Resolved, StoreError> {
        self.through(Verb::Resolve, self.inner.resolve(params)).await
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

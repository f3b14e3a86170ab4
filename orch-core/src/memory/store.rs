use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::tables::Tables;
use super::{accept, claim, incarnation, lease, operator, purge, read, settle, sweep};
use crate::store::{
    Acceptance, Admitted, Backend, ClaimParams, Claimed, Clock, ConfirmParams, Confirmed,
    ConnectionType, EndedAttempt, Finalization, Finalized, LateParams, ListParams, Logged, Page,
    Purged, RedriveParams, Redriven, Release, Released, RenewParams, Renewed, ResolveParams,
    Resolved, Store, StoreError, SweepParams, Swept, SystemClock, Unfinalized, Unfinished,
    UnfinishedParams, lock, monotonic,
};
use crate::words::{
    DeadLetter, Identity, IdentityForm, Incarnation, KeyNamespace, Kind, LogEntry, OpId, Operation,
    Owner, StoredForm, Timestamp,
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
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::policies::KindPolicy;
    use crate::store::{Claim, HookFn, ManualClock, open};
    use crate::words::{
        AttemptEnd, ClaimId, Command, FinalOutcome, Fingerprint, KeySeed, Outcome, Payload, Source,
        Status, WorkerId,
    };

    const HOUR: Duration = Duration::from_secs(3600);
    const DELAY: Duration = Duration::from_millis(50);

    /// True if the wait for work ended by itself.
    async fn is_woken(store: &MemoryStore, within: Duration) -> bool {
        monotonic::timeout(within, store.wait_for_work(HOUR)).await.is_ok()
    }

    fn store() -> MemoryStore {
        MemoryStore::with_clock(Arc::new(ManualClock::default()))
    }

    fn acceptance() -> Acceptance {
        let command = Command::new("PAYMENT", "CHARGE", "ORDER-1", "k", "{}").unwrap();
        let fingerprint = Fingerprint::of(command.payload());
        let (op_id, owner) = (OpId::generate(), Owner::default());
        Acceptance {
            op_id,
            owner,
            command,
            fingerprint,
            time_budget: HOUR,
            key_seed: KeySeed::from_bytes([9; 16]),
            form: None,
            earlier: Vec::new(),
            unique: false,
        }
    }

    async fn running(store: &MemoryStore) -> Claim {
        let kinds = vec![KindPolicy::new(Kind::new("PAYMENT", "CHARGE").unwrap())];
        let worker = WorkerId::generate("w").unwrap();
        store.accept(vec![acceptance()]).await.unwrap();
        let params = ClaimParams { kinds, worker, id: ClaimId::generate(), limit: 1, lease: HOUR };
        match &store.claim(params).await.unwrap()[..] {
            [Claimed::Operation(attempt)] => attempt.claim(),
            other => panic!("{other:?}"),
        }
    }

    fn ended(claim: Claim, outcome: Outcome) -> EndedAttempt {
        let end = AttemptEnd::Outcome(outcome);
        EndedAttempt { claim, source: Source::Handler, end, delay: DELAY }
    }

    #[tokio::test]
    async fn each_memory_url_opens_a_new_empty_store() {
        let first = open("memory:").await.unwrap();
        first.accept(vec![acceptance()]).await.unwrap();
        let second = open("memory:").await.unwrap();
        assert_eq!(first.list(ListParams::default()).await.unwrap().items.len(), 1);
        assert!(second.list(ListParams::default()).await.unwrap().items.is_empty());
    }

    #[tokio::test]
    async fn an_accept_wakes_all_who_wait() {
        let store = store();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { is_woken(&store, HOUR / 60).await })
            })
            .collect();
        tokio::task::yield_now().await;
        store.accept(vec![acceptance()]).await.unwrap();
        for waiting in waiting {
            assert!(waiting.await.unwrap());
        }
    }

    #[tokio::test]
    async fn an_accept_just_before_the_wait_is_not_missed() {
        let store = store();
        store.accept(vec![acceptance()]).await.unwrap();
        assert!(is_woken(&store, HOUR / 60).await);
        assert!(!is_woken(&store, DELAY).await, "what is due already wakes no one a second time");
    }

    #[tokio::test]
    async fn a_wait_ends_when_the_next_operation_is_due() {
        let store = store();
        let claim = running(&store).await;
        let retry = Outcome::Retry { reason: "busy".into(), after: None };
        store.settle(vec![ended(claim, retry)]).await.unwrap();
        store.wait_for_work(HOUR).await;
        let began = monotonic::now();
        assert!(is_woken(&store, HOUR / 60).await);
        assert!(began.elapsed() >= DELAY, "{:?}", began.elapsed());
    }

    /// Held by the hook below until the test lets it go on.
    static GATE: Semaphore = Semaphore::const_new(0);

    #[tokio::test]
    async fn a_slow_hook_holds_up_nobody_and_does_not_finish_twice() {
        let store = store();
        let claim = running(&store).await;
        let output = Payload::from("done");
        let done = Outcome::Ok { output: output.clone() };
        store.log(vec![ended(claim, done)]).await.unwrap();
        let hook = HookFn {
            connection: ConnectionType::of::<MemoryConnection>,
            run: |_, _, _| {
                Box::pin(async {
                    GATE.acquire().await.unwrap().forget();
                    Ok(())
                })
            },
        };
        let hook = Some(hook.into());
        let slow = store.clone();
        let slow =
            tokio::spawn(async move { slow.finalize(vec![Finalization { claim, hook }]).await });
        tokio::task::yield_now().await;
        let finished = [Finalized::Finished(FinalOutcome::Ok(output))];
        let quick = store.finalize(vec![Finalization { claim, hook: None }]).await.unwrap();
        assert_eq!(quick, finished);
        GATE.add_permits(1);
        let [finished] = finished;
        assert_eq!(slow.await.unwrap().unwrap(), [finished.again()]);
        let operation = store.get(&Owner::default(), claim.op_id).await.unwrap().unwrap();
        assert_eq!(operation.status, Status::Completed);
    }
}

//! The store that a worker works on: the real one, with points before and after its verbs at
//! which the process may die, and a count of the writes that it refuses as stale.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orch::store::{
    Acceptance, Admitted, ClaimParams, Claimed, ConnectionType, EndedAttempt, Finalization,
    Finalized, LateParams, Logged, PurgeParams, Purged, RedriveParams, Redriven, Release, Released,
    RenewParams, Renewed, ResolveParams, Resolved, SweepParams, Swept, Unfinalized,
};
use orch::{
    DeadLetter, Identity, Kind, ListParams, LogEntry, OpId, Operation, Owner, Page, Store,
    StoreError, Timestamp,
};

use crate::fate::{Fates, Point, say};

/// A store in front of the real one.
pub(crate) struct Crashing {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) fates: Arc<Fates>,
}

/// Tells the supervisor of refused writes.
fn count(verb: &str, stale: usize) {
    if stale > 0 {
        say(&format!("stale {verb} {stale}"));
    }
}

/// Tells the supervisor of a disk that failed: a worker that cannot write cannot log it.
fn noted<T>(answer: Result<T, StoreError>) -> Result<T, StoreError> {
    if let Err(error) = &answer {
        let text = error.to_string();
        for (word, means) in [("full", "disk is full"), ("broken", "disk I/O error")] {
            if text.contains(means) {
                say(&format!("disk {word}"));
            }
        }
    }
    answer
}

fn stale(finalized: &[Finalized]) -> usize {
    finalized.iter().filter(|one| **one == Finalized::Stale).count()
}

#[async_trait]
impl Store for Crashing {
    async fn claim(&self, params: ClaimParams) -> Result<Vec<Claimed>, StoreError> {
        self.fates.pass(Point::Claiming).await;
        let claimed = noted(self.inner.claim(params).await)?;
        if !claimed.is_empty() {
            self.fates.pass(Point::Claimed).await;
        }
        Ok(claimed)
    }

    async fn renew(&self, params: RenewParams) -> Result<Vec<Renewed>, StoreError> {
        self.fates.pass(Point::Renewing).await;
        for claim in &params.claims {
            say(&format!("renewing {} {}", claim.op_id, claim.fence.get()));
        }
        let renewed = noted(self.inner.renew(params).await)?;
        count("renew", renewed.iter().filter(|one| **one == Renewed::Stale).count());
        Ok(renewed)
    }

    async fn log(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Logged>, StoreError> {
        self.fates.pass(Point::Logging).await;
        let logged = noted(self.inner.log(batch).await)?;
        count("log", logged.iter().filter(|one| **one == Logged::Stale).count());
        self.fates.pass(Point::Logged).await;
        Ok(logged)
    }

    async fn finalize(&self, batch: Vec<Finalization>) -> Result<Vec<Finalized>, StoreError> {
        let finalized = noted(self.inner.finalize(batch).await)?;
        if !finalized.is_empty() {
            self.fates.pass(Point::Finalized).await;
        }
        Ok(finalized)
    }

    async fn settle(&self, batch: Vec<EndedAttempt>) -> Result<Vec<Finalized>, StoreError> {
        self.fates.pass(Point::Logging).await;
        let finalized = noted(self.inner.settle(batch).await)?;
        count("settle", stale(&finalized));
        self.fates.pass(Point::Finalized).await;
        Ok(finalized)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        self.inner.migrate().await
    }

    fn connection_type(&self) -> ConnectionType {
        self.inner.connection_type()
    }

    fn accept_batches(&self) -> usize {
        self.inner.accept_batches()
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.inner.now().await
    }

    async fn accept(&self, batch: Vec<Acceptance>) -> Result<Vec<Admitted>, StoreError> {
        self.inner.accept(batch).await
    }

    async fn release(&self, batch: Vec<Release>) -> Result<Vec<Released>, StoreError> {
        self.inner.release(batch).await
    }

    async fn sweep_expired(&self, limit: usize) -> Result<Vec<Swept>, StoreError> {
        self.inner.sweep_expired(limit).await
    }

    async fn sweep_over_budget(&self, params: SweepParams) -> Result<Vec<Swept>, StoreError> {
        self.inner.sweep_over_budget(params).await
    }

    async fn unfinalized(
        &self,
        kinds: &[Kind],
        limit: usize,
    ) -> Result<Vec<Unfinalized>, StoreError> {
        self.inner.unfinalized(kinds, limit).await
    }

    async fn get(&self, owner: &Owner, op_id: OpId) -> Result<Option<Operation>, StoreError> {
        self.inner.get(owner, op_id).await
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Operation>, StoreError> {
        self.inner.find(identity).await
    }

    async fn history(&self, owner: &Owner, op_id: OpId) -> Result<Vec<LogEntry>, StoreError> {
        self.inner.history(owner, op_id).await
    }

    async fn dead_letter(
        &self,
        owner: &Owner,
        op_id: OpId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        self.inner.dead_letter(owner, op_id).await
    }

    async fn late(&self, params: LateParams) -> Result<Vec<(OpId, Owner)>, StoreError> {
        self.inner.late(params).await
    }

    async fn list(&self, params: ListParams) -> Result<Page, StoreError> {
        self.inner.list(params).await
    }

    async fn resolve(&self, params: ResolveParams) -> Result<Resolved, StoreError> {
        self.inner.resolve(params).await
    }

    async fn redrive(&self, params: RedriveParams) -> Result<Redriven, StoreError> {
        self.inner.redrive(params).await
    }

    async fn purge(&self, params: PurgeParams) -> Result<Purged, StoreError> {
        self.inner.purge(params).await
    }

    async fn unknown_kinds(&self, known: &[Kind]) -> Result<Vec<(Kind, u64)>, StoreError> {
        self.inner.unknown_kinds(known).await
    }

    async fn wait_for_work(&self, timeout: Duration) {
        self.inner.wait_for_work(timeout).await;
    }
}

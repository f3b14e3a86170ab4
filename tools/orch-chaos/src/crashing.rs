//! The store that a worker works on: the real one, with points before and after its verbs at
//! which the process may die, and a count of the writes that it refuses as stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use orch::internals::store::{
    ClaimParams, Claimed, EndedAttempt, Finalization, Finalized, Logged, Release, ReleaseReason,
    Released, RenewParams, Renewed,
};
use orch::{Store, StoreError};
use orch_lab::process::say;
use orch_testkit::StoreLayer;

use crate::fate::{Fates, Point};

/// In front of the real store.
pub(crate) struct Crashing {
    fates: Arc<Fates>,
    /// Whether this process has got operations to run.
    works: AtomicBool,
}

impl Crashing {
    pub(crate) const fn new(fates: Arc<Fates>) -> Self {
        Self { fates, works: AtomicBool::new(false) }
    }
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

/// What a worker of this release has not got, that gives an operation back; empty if it has all.
fn lacks(reason: &ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::Unhandled { reason } if reason.contains("hook") => "hook",
        ReleaseReason::Unhandled { reason } if reason.contains("reconcile") => "reconcile",
        ReleaseReason::Unhandled { .. } => "field",
        ReleaseReason::Unstarted | ReleaseReason::Unrunnable { .. } => "",
    }
}

fn stale(finalized: &[Finalized]) -> usize {
    finalized.iter().filter(|one| **one == Finalized::Stale).count()
}

#[async_trait]
impl StoreLayer for Crashing {
    async fn claim(
        &self,
        next: &dyn Store,
        params: ClaimParams,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.fates.pass(Point::Claiming).await;
        let claimed = noted(next.claim(params).await)?;
        if !claimed.is_empty() {
            if !self.works.swap(true, Ordering::Relaxed) {
                say("works");
            }
            self.fates.pass(Point::Claimed).await;
        }
        Ok(claimed)
    }

    async fn release(
        &self,
        next: &dyn Store,
        batch: Vec<Release>,
    ) -> Result<Vec<Released>, StoreError> {
        let lacks: Vec<&str> = batch.iter().map(|release| lacks(&release.reason)).collect();
        let released = noted(next.release(batch).await)?;
        for (lacks, released) in lacks.iter().zip(&released) {
            if !lacks.is_empty() && *released == Released::Released {
                say(&format!("lacks {lacks}"));
            }
        }
        Ok(released)
    }

    async fn renew(
        &self,
        next: &dyn Store,
        params: RenewParams,
    ) -> Result<Vec<Renewed>, StoreError> {
        self.fates.pass(Point::Renewing).await;
        for claim in &params.claims {
            say(&format!("renewing {} {}", claim.op_id, claim.fence.get()));
        }
        let renewed = noted(next.renew(params).await)?;
        count("renew", renewed.iter().filter(|one| **one == Renewed::Stale).count());
        Ok(renewed)
    }

    async fn log(
        &self,
        next: &dyn Store,
        batch: Vec<EndedAttempt>,
    ) -> Result<Vec<Logged>, StoreError> {
        self.fates.pass(Point::Logging).await;
        let logged = noted(next.log(batch).await)?;
        count("log", logged.iter().filter(|one| **one == Logged::Stale).count());
        self.fates.pass(Point::Logged).await;
        Ok(logged)
    }

    async fn finalize(
        &self,
        next: &dyn Store,
        batch: Vec<Finalization>,
    ) -> Result<Vec<Finalized>, StoreError> {
        let finalized = noted(next.finalize(batch).await)?;
        if !finalized.is_empty() {
            self.fates.pass(Point::Finalized).await;
        }
        Ok(finalized)
    }

    async fn settle(
        &self,
        next: &dyn Store,
        batch: Vec<EndedAttempt>,
    ) -> Result<Vec<Finalized>, StoreError> {
        self.fates.pass(Point::Logging).await;
        let finalized = noted(next.settle(batch).await)?;
        count("settle", stale(&finalized));
        self.fates.pass(Point::Finalized).await;
        Ok(finalized)
    }
}

use std::sync::Arc;

use super::{Batcher, FinalizeStep, Patience};
use crate::store::{
    EndedAttempt, Finalization, FinalizeHook, Finalized, Logged, Release, Released, Store,
    StoreError,
};

/// S3: puts the end of an attempt into the write-ahead log and has it finalized.
///
/// Without a hook both are one statement of the store. With one they are two commits, so that a
/// failing hook never costs the logged outcome.
#[derive(Debug)]
pub struct Recorder {
    settle: Batcher<EndedAttempt, Finalized>,
    log: Batcher<EndedAttempt, Logged>,
    release: Batcher<Release, Released>,
    finalize: FinalizeStep,
}

impl Recorder {
    /// Starts gathering. Outcomes are tried until they are stored: nothing may be lost.
    pub fn start(store: &Arc<dyn Store>) -> Self {
        let store = || Arc::clone(store);
        Self {
            settle: Batcher::start(store(), "settle", Patience::Forever, |store, batch| {
                Box::pin(async move { store.settle(batch).await })
            }),
            log: Batcher::start(store(), "log", Patience::Forever, |store, batch| {
                Box::pin(async move { store.log(batch).await })
            }),
            release: Batcher::start(store(), "release", Patience::Forever, |store, batch| {
                Box::pin(async move { store.release(batch).await })
            }),
            finalize: FinalizeStep::start(store()),
        }
    }

    /// Stores the end of an attempt; returns what became of the operation.
    ///
    /// # Errors
    /// The store's lasting errors: the end is then not stored, and the lease will expire.
    pub async fn record(
        &self,
        ended: EndedAttempt,
        hook: Option<FinalizeHook>,
    ) -> Result<Finalized, StoreError> {
        if hook.is_none() {
            return self.settle.submit(ended).await;
        }
        let claim = ended.claim;
        match self.log.submit(ended).await? {
            Logged::Stale => Ok(Finalized::Stale),
            Logged::Logged => self.finalize.finalize(Finalization { claim, hook }).await,
        }
    }

    /// Gives a claim back that was not run.
    ///
    /// # Errors
    /// The store's lasting errors.
    pub async fn release(&self, release: Release) -> Result<Released, StoreError> {
        self.release.submit(release).await
    }
}

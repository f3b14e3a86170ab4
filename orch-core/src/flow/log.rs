use std::sync::Arc;
use std::time::Duration;

use super::Batcher;
use crate::store::{
    EndedAttempt, Finalization, FinalizeHook, Finalized, Logged, Release, Released, Store,
    StoreError, monotonic,
};
use crate::words::{OpId, Reference};

/// How long an end waits for its reference.
const REFERENCE_WAIT: Duration = Duration::from_secs(5);

/// S3: puts the end of an attempt into the write-ahead log and has it finalized: the status moves
/// as the logged outcome says, with the user's hook in the same transaction.
///
/// Without a hook both are one statement of the store. With one they are two commits, so that a
/// failing hook never costs the logged outcome; the Finalizer retries it without another call to
/// the provider.
#[derive(Debug)]
pub struct Recorder {
    settle: Batcher<EndedAttempt, Finalized>,
    log: Batcher<EndedAttempt, Logged>,
    release: Batcher<Release, Released>,
    finalize: Batcher<Finalization, Finalized>,
    refer: Batcher<(Reference, OpId), ()>,
}

impl Recorder {
    /// Starts gathering. Outcomes are tried until they are stored: nothing may be lost.
    pub fn start(store: &Arc<dyn Store>) -> Self {
        Self {
            settle: Batcher::start(store, "settle", |store, batch| store.settle(batch)),
            log: Batcher::start(store, "log", |store, batch| store.log(batch)),
            release: Batcher::start(store, "release", |store, batch| store.release(batch)),
            finalize: Batcher::start(store, "finalize", |store, batch| store.finalize(batch)),
            refer: Batcher::start(store, "refer", |store, batch| {
                // One after the other: the connections are for claims and ends first.
                Box::pin(async move {
                    let mut done = Vec::with_capacity(batch.len());
                    for (of, op_id) in batch {
                        done.push(store.refer(of, op_id).await?);
                    }
                    Ok(done)
                })
            }),
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
            Logged::Logged => self.finalize.submit(Finalization { claim, hook }).await,
        }
    }

    /// Stores that the provider calls the operation by this reference, before its end is stored: from then on a
    /// message that carries it finds the operation, even if this process dies in between. Waits at most
    /// 5 s; the write is tried again in the background.
    ///
    /// # Errors
    /// The store's lasting errors.
    pub async fn refer(&self, of: Reference, op_id: OpId) -> Result<(), StoreError> {
        let referred = monotonic::timeout(REFERENCE_WAIT, self.refer.submit((of, op_id)));
        referred.await.unwrap_or(Ok(()))
    }

    /// Gives a claim back that was not run.
    ///
    /// # Errors
    /// The store's lasting errors.
    pub async fn release(&self, release: Release) -> Result<Released, StoreError> {
        self.release.submit(release).await
    }
}

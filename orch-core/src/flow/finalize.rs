use std::sync::Arc;

use super::{Batcher, Patience};
use crate::store::{Finalization, Finalized, Store, StoreError};

/// S3, second half: moves the status as the logged outcome says, with the user's hook in the
/// same transaction. What fails here is tried again by the Finalizer, without another call to
/// the provider.
#[derive(Debug)]
pub struct FinalizeStep {
    batcher: Batcher<Finalization, Finalized>,
}

impl FinalizeStep {
    /// Starts gathering.
    pub fn start(store: Arc<dyn Store>) -> Self {
        let batcher = Batcher::start(store, "finalize", Patience::Forever, |store, batch| {
            Box::pin(async move { store.finalize(batch).await })
        });
        Self { batcher }
    }

    /// Finalizes one logged outcome.
    ///
    /// # Errors
    /// The store's lasting errors.
    pub async fn finalize(&self, finalization: Finalization) -> Result<Finalized, StoreError> {
        self.batcher.submit(finalization).await
    }
}

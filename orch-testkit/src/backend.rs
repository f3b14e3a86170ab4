use std::sync::Arc;

use async_trait::async_trait;
use orch_core::seams::{FinalizeHook, ManualClock, Store};
use orch_core::words::{OpId, Settlement};

/// What the conformance suite needs to know of a backend. One value serves one case.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// A store on new, empty, migrated data, which reads this clock.
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store>;

    /// A second store on the data of [`Backend::open`], as another process would have.
    async fn reopen(&self, clock: Arc<ManualClock>) -> Arc<dyn Store>;

    /// Makes the row of an operation such that it cannot be decoded. Its kind, owner, state and
    /// instants stay readable.
    async fn corrupt(&self, op_id: OpId);

    /// A hook that stores [`mark`] of its settlement through its connection.
    fn marking_hook(&self) -> FinalizeHook;

    /// A hook that does the same and then fails, so that its mark must be rolled back. Where a
    /// connection has no transaction it fails without a mark.
    fn failing_hook(&self) -> FinalizeHook;

    /// How many stored marks are this text.
    async fn marks(&self, text: &str) -> usize;
}

/// What the hooks of the suite write down: the output, or the message of the failure.
#[must_use]
pub fn mark(settlement: &Settlement) -> String {
    match settlement {
        Settlement::Ok { output } => String::from_utf8_lossy(output.as_bytes()).into_owned(),
        Settlement::Failed(failure) => failure.message.clone(),
    }
}

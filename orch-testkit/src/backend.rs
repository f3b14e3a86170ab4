use std::sync::Arc;

use async_trait::async_trait;
use orch_core::store::{FinalizeHook, ManualClock, Store};
use orch_core::words::{Envelope, FinalOutcome, OpId};

/// What the conformance suite needs to know of a backend. One value serves one case.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// A store on new, empty, migrated data, which reads this clock.
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store>;

    /// A second store on the data of [`Backend::open`], as another process would have.
    async fn reopen(&self, clock: Arc<ManualClock>) -> Arc<dyn Store>;

    /// Makes the row of an operation such that it cannot be decoded. Its kind, owner, status and
    /// instants stay readable.
    async fn corrupt(&self, op_id: OpId);

    /// Makes the latest entry of an operation's log such that it cannot be decoded. Its fence and whether
    /// it is late stay readable.
    async fn corrupt_log(&self, op_id: OpId);

    /// Makes the database refuse every change and the removal of these operations' rows, or ends that.
    /// False where a database cannot refuse anything.
    async fn refuse(&self, op_ids: &[OpId], refused: bool) -> bool;

    /// The same, where the database says so only at the commit, as it does for a deferred foreign key.
    async fn refuse_at_commit(&self, op_ids: &[OpId], refused: bool) -> bool;

    /// Sets how often the finalize hook of an operation's logged end has failed.
    async fn hook_has_failed(&self, op_id: OpId, times: u32);

    /// Takes from a finished operation when it expires: an earlier release has ended it.
    async fn undate(&self, op_id: OpId);

    /// Makes the database look like another one than it remembers, as after a fail-over or a restore.
    /// Only a store that is opened afterwards has to notice it.
    async fn becomes_another(&self);

    /// A hook that stores the [`marks`] of its end through its connection.
    fn marking_hook(&self) -> FinalizeHook;

    /// A hook that does the same and then fails, so that its marks must be rolled back. Where a
    /// connection has no transaction it fails without a mark.
    fn failing_hook(&self) -> FinalizeHook;

    /// How many stored marks are this text.
    async fn marks(&self, text: &str) -> usize;
}

/// What the hooks of the suite write down: the output, or the message of the failure; and whose
/// it is, all that the envelope says.
#[must_use]
pub fn marks(outcome: &FinalOutcome, of: &Envelope) -> [String; 2] {
    let end = match outcome {
        FinalOutcome::Ok(output) => String::from_utf8_lossy(output.as_bytes()).into_owned(),
        FinalOutcome::Failed(failure) => failure.message.clone(),
    };
    [end, whose(of)]
}

/// All that an envelope says, as one text.
pub(crate) fn whose(of: &Envelope) -> String {
    let Envelope { op_id, owner, command, accepted_at, deadline, attempt, fence, .. } = of;
    let (kind, biz_key, idem_key) = (command.kind(), command.biz_key(), command.idem_key());
    let payload = String::from_utf8_lossy(command.payload().as_bytes());
    let instants = (accepted_at.as_micros(), deadline.as_micros());
    format!("{op_id} {owner} {kind} {biz_key} {idem_key} {payload} {instants:?} {attempt} {fence}")
}

use super::{ConfirmError, Orchestrator};
use crate::store::{ConfirmParams, Confirmed, StoreError};
use crate::words::{Confirmation, Incarnation, Invalid, storable};

impl Orchestrator {
    /// The newest incarnation of the database, after a look whether this is still the database that
    /// it was. While it is not [`confirmed`](Incarnation::confirmed), no worker calls a handler whose
    /// effect is unsafe, or whose doubt ends or parks the operation.
    ///
    /// # Errors
    /// The store's.
    pub async fn incarnation(&self) -> Result<Incarnation, StoreError> {
        self.store().incarnation().await
    }

    /// Says what has happened to the database; `who` and `why` are kept with it. It concerns the
    /// operations of all owners. Where the incarnation that was seen is confirmed already, this
    /// reports a change that orch cannot notice, such as a restored disk snapshot.
    ///
    /// After a fail-over or a restore, wait until clients have repeated what they will repeat:
    /// what they send later is a new operation. After [`Confirmation::Copied`] start every process
    /// again, so that its keys come from the new namespace.
    ///
    /// ```
    /// # use orch_core::{runtime::Orchestrator, words as orch};
    /// use orch::Confirmation;
    ///
    /// # async fn desk(orchestrator: &Orchestrator) -> Result<(), Box<dyn std::error::Error>> {
    /// let seen = orchestrator.incarnation().await?;
    /// if !seen.confirmed {
    ///     println!("incarnation {} since {}: {}", seen.number, seen.opened_at, seen.difference);
    ///     let why = "the back-up of last night, since the disk was lost";
    ///     orchestrator.confirm(&seen, Confirmation::Restored, "kim", why).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfirmError`]; a blank `who` or `why` is refused.
    pub async fn confirm(
        &self,
        seen: &Incarnation,
        confirmation: Confirmation,
        who: &str,
        why: &str,
    ) -> Result<(), ConfirmError> {
        for (field, text) in [("who", who), ("why", why)] {
            if text.trim().is_empty() {
                return Err(Invalid::Blank { field }.into());
            }
        }
        let Incarnation { number, opened_at, confirmed, .. } = *seen;
        let (who, why) = (storable(who), storable(why));
        let params = ConfirmParams { number, opened_at, confirmed, confirmation, who, why };
        match self.store().confirm(params).await? {
            Confirmed::Confirmed { .. } => Ok(()),
            Confirmed::Stale { newest } => Err(ConfirmError::Stale { newest: Box::new(newest) }),
        }
    }
}

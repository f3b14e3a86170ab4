use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::flow::Equipment;
use crate::store::{Finalized, Purged, StoreError, Unpurged};

/// Operations per pass.
const LIMIT: usize = 1000;

/// Removes terminal operations that have expired. A request repeated after that is a new one.
///
/// How long an operation is kept is in its row, as the worker that ran it declared: so it does not
/// matter which worker prunes, and kinds that have no handler any more go too. One that the database refuses
/// to remove, as a foreign key of yours may make it do, is put off and holds up none of the others.
#[derive(Debug)]
pub struct Pruner {
    equipment: Equipment,
}

impl Pruner {
    /// A pruner of the whole database.
    #[must_use]
    pub const fn new(equipment: Equipment) -> Self {
        Self { equipment }
    }
}

#[async_trait]
impl Upkeep for Pruner {
    const NAME: &'static str = "pruner";

    async fn run_once(&self) -> Result<Report, StoreError> {
        let Purged { operations: moved, refused } = self.equipment.store.purge(LIMIT).await?;
        let failed = refused.len();
        for Unpurged { op_id, kind, reason } in refused {
            let said = reason.clone();
            self.equipment.handlers.meters(&kind).moved(&Finalized::Refused { reason: said });
            tracing::warn!(%op_id, %kind, reason,
                "the database refuses to remove an operation that has expired; it is put off");
        }
        Ok(Report { moved, failed, more: moved + failed >= LIMIT })
    }
}

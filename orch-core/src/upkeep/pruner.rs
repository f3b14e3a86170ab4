use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::flow::Equipment;
use crate::store::StoreError;

/// Operations per pass.
const LIMIT: usize = 1000;

/// Removes terminal operations that have expired. A request repeated after that is a new one.
///
/// How long an operation is kept is in its row, as the worker that ran it declared: so it does not
/// matter which worker prunes, and kinds that have no handler any more go too.
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
        let moved = self.equipment.store.purge(LIMIT).await?.operations;
        Ok(Report { moved, failed: 0, more: moved >= LIMIT })
    }
}

use std::time::Duration;

use async_trait::async_trait;

use super::{Report, Upkeep};
use crate::flow::Equipment;
use crate::store::{PurgeParams, StoreError};

/// Operations per pass.
const LIMIT: usize = 1000;

/// How long a FAILED operation and its dead letter are kept for an operator.
pub const DEFAULT_FAILED_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Removes terminal operations past their retention. A request repeated after that is a new one.
#[derive(Debug)]
pub struct Pruner {
    equipment: Equipment,
    params: PurgeParams,
}

impl Pruner {
    /// A pruner that keeps COMPLETED and FAILED operations this long.
    #[must_use]
    pub const fn new(equipment: Equipment, completed: Duration, failed: Duration) -> Self {
        let params = PurgeParams { completed_after: completed, failed_after: failed, limit: LIMIT };
        Self { equipment, params }
    }
}

#[async_trait]
impl Upkeep for Pruner {
    const NAME: &'static str = "pruner";

    async fn run_once(&self) -> Result<Report, StoreError> {
        let moved = self.equipment.store.purge(self.params).await?.operations;
        Ok(Report { moved, failed: 0, more: moved >= LIMIT })
    }
}

use std::fmt;
use std::sync::Arc;

use super::{Handlers, Watch};
use crate::store::Store;

/// What the queue and the upkeep of one worker work with. Cheap to clone.
#[derive(Clone)]
pub struct Equipment {
    /// Where the operations are.
    pub store: Arc<dyn Store>,
    /// What the worker can run.
    pub handlers: Handlers,
    /// Wakes those who wait for an operation that has moved.
    pub watch: Watch,
}

impl fmt::Debug for Equipment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Equipment").field("handlers", &self.handlers).finish_non_exhaustive()
    }
}

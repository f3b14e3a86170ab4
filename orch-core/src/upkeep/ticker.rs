use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::store::{StoreError, monotonic};

/// A service that is run once per tick.
#[async_trait]
pub trait Upkeep: Send + Sync + 'static {
    /// Its name in the log.
    const NAME: &'static str;

    /// One pass over what is there now.
    ///
    /// # Errors
    /// The store's; the next pass starts afresh.
    async fn run_once(&self) -> Result<Report, StoreError>;
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Operations moved on.
    pub moved: usize,
    /// Operations looked at that did not move, such as those with a failing hook.
    pub failed: usize,
    /// True if the pass was full, so that there may be more.
    pub more: bool,
}

/// Runs a service until stopped: at once again after a full pass that moved something, else
/// after the interval, with 20 % jitter so that workers do not tick in step. A pass that has
/// begun is finished.
pub async fn tick<U: Upkeep>(service: U, every: Duration, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let again = match service.run_once().await {
            Ok(report) => {
                if report.moved > 0 || report.failed > 0 {
                    tracing::info!(service = U::NAME, ?report, "upkeep");
                }
                report.more && report.moved > 0
            }
            Err(error) => {
                tracing::warn!(service = U::NAME, error = ?error, "upkeep failed");
                false
            }
        };
        if !again {
            let wait = every.mul_f64(0.8 + 0.4 * fastrand::f64());
            tokio::select! {
                () = stop.cancelled() => {}
                () = monotonic::sleep(wait) => {}
            }
        }
    }
}

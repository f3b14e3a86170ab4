use orch::prelude::*;
use tokio::signal::unix::{SignalKind, signal};

use crate::charge::Gateway;

/// Short, so that a killed worker's operations are soon taken over. The default is 30 s.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// One worker process: runs the handlers that are linked into the binary until SIGTERM, then
/// finishes what it has begun.
pub(crate) async fn run(db: &str, gateway: &str) -> orch_lab::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let config =
        Config::default().concurrency(8).lease(LEASE).reap_every(Duration::from_millis(250));
    let runtime = Runtime::connect(db).state(Gateway::new(gateway)?).config(config).start().await?;
    terminate.recv().await;
    let drained = runtime.shutdown().await;
    if drained.cancelled + drained.unstored > 0 {
        return Err(format!("not drained in time: {drained:?}").into());
    }
    Ok(())
}

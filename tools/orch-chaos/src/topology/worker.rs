use std::sync::Arc;
use std::time::Duration;

use orch::Runtime;
use orch::internals::runtime::Config;
use orch::internals::store::open;
use tokio::signal::unix::{SignalKind, signal};

use super::handlers::{DOMAIN, Kind};
use crate::fate::Fates;
use crate::handlers::Desk;
use crate::world::{LEASE, TICK, World};

/// Handlers that run at once in each worker.
const CONCURRENCY: usize = 8;
/// A shutdown waits so long for handlers.
const DRAIN: Duration = Duration::from_secs(2);

/// One worker process: runs the handlers until SIGTERM.
pub(crate) async fn run(world: &World, number: u32, url: &str) -> crate::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let config = Config::default()
        .worker_name(format!("w{number}"))
        .concurrency(CONCURRENCY)
        .lease(LEASE)
        .reap_every(TICK)
        .finalize_every(TICK)
        .drain_timeout(DRAIN);
    let fates = Arc::new(Fates::new(None));
    let runtime = Runtime::on_shared(open(&format!("{url}&application_name=w{number}")).await?)
        .state(Desk { world: world.clone(), worker: number, fates, orchestrator: None })
        .config(config)
        .only([Kind::Keyed, Kind::Unsafe].map(|kind| (DOMAIN, kind.event())))
        .start()
        .await?;
    terminate.recv().await;
    // What is still open is seen in the store.
    let _ = runtime.shutdown().await;
    Ok(())
}

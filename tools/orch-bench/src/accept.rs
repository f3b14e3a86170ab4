use crate::Failed;
use crate::database::Database;
use crate::figures::Figures;
use crate::load::{accept_all, new_run};
use crate::meter::Meter;

/// Operations accepted before the clock starts: they open connections and fill plan caches.
const WARM_UP: u64 = 500;

/// Accepts one operation per call from concurrent callers, each waiting for its commit.
///
/// # Errors
/// The database's, or orch's.
pub(crate) async fn measure(
    database: &Database,
    operations: u64,
    clients: u64,
) -> Result<Figures, Failed> {
    database.migrate().await?;
    let meter = Meter::start(database).await?;
    let runtime = database.runtime().without_worker().start().await?;
    accept_all(runtime.orchestrator(), new_run(), WARM_UP, clients).await?;
    let accepting = accept_all(runtime.orchestrator(), new_run(), operations, clients).await?;
    drop(runtime);

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = operations as f64 / accepting.took.as_secs_f64();
    let figures = Figures::new(format!("accept on {}", database.kind()))
        .with("operations", operations)
        .with("clients", clients)
        .with("seconds", accepting.took.as_secs_f64())
        .with("ops_per_second", rate)
        .with_percentiles("", accepting.calls_ms);
    meter.stop(database, operations + WARM_UP, figures).await
}

use std::sync::Arc;
use std::time::Duration;

use orch::Config;
use tokio::task::JoinSet;

use crate::Failed;
use crate::database::Database;
use crate::figures::Figures;
use crate::load::{accept_one, new_run};
use crate::meter::Meter;
use crate::noop::Tally;

/// Operations before those that count: they open connections and fill plan caches.
const WARM_UP: u64 = 20;
/// How long the last handler may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Accepts one operation every `every`, in the worker's own process, and takes the time from
/// just before the accept to the start of its handler.
///
/// # Errors
/// The database's, or orch's.
pub(crate) async fn measure(
    database: &Database,
    operations: u64,
    every: Duration,
) -> Result<Figures, Failed> {
    database.prepare().await?;
    let meter = Meter::start(database).await?;
    let latencies = latencies(database, operations, every).await?;
    if latencies.len() as u64 != operations {
        return Err(format!("only {} of {operations} handlers started", latencies.len()).into());
    }
    let figures = Figures::new(format!("latency on {}", database.kind()))
        .with("operations", operations)
        .with("every_ms", u64::try_from(every.as_millis())?)
        .with_percentiles("", latencies);
    meter.stop(database, operations + WARM_UP, figures).await
}

/// The latencies in milliseconds, of those handlers that started.
///
/// # Errors
/// orch's.
pub(crate) async fn latencies(
    database: &Database,
    operations: u64,
    every: Duration,
) -> Result<Vec<f64>, Failed> {
    let total = operations + WARM_UP;
    let tally = Tally::of_starts(total);
    let builder = database.runtime().config(Config::default()).state(Arc::clone(&tally));
    let runtime = builder.start().await?;
    let run = new_run();
    let mut accepts = JoinSet::new();
    let mut tick = tokio::time::interval(every);
    for id in 0..total {
        tick.tick().await;
        // Not awaited here: a slow accept must not put off the next one.
        let (orchestrator, tally) = (runtime.orchestrator().clone(), Arc::clone(&tally));
        accepts.spawn(async move {
            let sent = tally.now_ns();
            accept_one(&orchestrator, run, id).await.map(|()| (id, sent))
        });
    }
    let mut sent = Vec::new();
    while let Some(accepted) = accepts.join_next().await {
        sent.push(accepted??);
    }
    let _ = tokio::time::timeout(PATIENCE, tally.all_ran()).await;
    let _ = runtime.shutdown().await;
    let measured = sent.into_iter().filter(|(id, _)| *id >= WARM_UP);
    Ok(measured.filter_map(|(id, sent)| Some(ms(sent, tally.started_ns(id)?))).collect())
}

fn ms(sent_ns: u64, started_ns: u64) -> f64 {
    Duration::from_nanos(started_ns.saturating_sub(sent_ns)).as_secs_f64() * 1e3
}

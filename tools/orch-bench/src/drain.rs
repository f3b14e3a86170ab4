use std::sync::Arc;
use std::time::{Duration, Instant};

use orch::Config;

use crate::Failed;
use crate::database::Database;
use crate::figures::Figures;
use crate::load::fill;
use crate::meter::Meter;
use crate::noop::Tally;
use crate::process;

/// How one worker drained a database.
#[derive(Debug)]
pub(crate) struct Drain {
    /// From the worker's start until every outcome was stored, or the cap.
    pub took: Duration,
    /// From the worker's start until every handler had run, or the cap.
    pub handled: Duration,
    /// True if the cap came first.
    pub capped: bool,
    /// Who ran.
    pub tally: Arc<Tally>,
}

/// Accepts `operations` beforehand, then measures one worker until all are COMPLETED.
///
/// # Errors
/// The database's, orch's, or that an operation was not completed within the cap.
pub(crate) async fn measure(
    database: &Database,
    operations: u64,
    slots: Option<usize>,
    cap: Duration,
) -> Result<Figures, Failed> {
    let config = config(slots);
    config.validate()?;
    database.prepare().await?;
    fill(database, operations).await?;
    let figures = Figures::new(format!("drain on {}", database.kind()))
        .with("operations", operations)
        .with("slots", config.concurrency);
    measure_filled(database, operations, config, cap, figures).await
}

/// [`measure`] of operations that were accepted already.
///
/// # Errors
/// As [`measure`].
pub(crate) async fn measure_filled(
    database: &Database,
    operations: u64,
    config: Config,
    cap: Duration,
    figures: Figures,
) -> Result<Figures, Failed> {
    let meter = Meter::start(database).await?;
    let drain = drain(database, operations, config, cap).await?;
    let (memory, cpu) = (process::peak_memory_kb(), process::cpu_seconds());
    if drain.capped {
        let ran = drain.tally.distinct();
        return Err(format!("only {ran} of {operations} operations ran within {cap:?}").into());
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (rate, memory) = (operations as f64 / drain.took.as_secs_f64(), memory as f64 / 1024.0);
    let figures = figures
        .with("seconds", drain.took.as_secs_f64())
        .with("ops_per_second", rate)
        .with("repeated_runs", drain.tally.repeated())
        .with("peak_memory_mb", memory)
        .with("cpu_seconds", cpu);
    let figures = meter.stop(database, operations, figures).await?;
    database.verify_all_finished().await?;
    Ok(figures)
}

/// Runs one worker until every operation's outcome is stored. A shutdown returns exactly then,
/// so the clock needs no polling of the database.
///
/// # Errors
/// orch's, or that an outcome could not be stored.
pub(crate) async fn drain(
    database: &Database,
    operations: u64,
    config: Config,
    cap: Duration,
) -> Result<Drain, Failed> {
    let tally = Tally::of(operations);
    let builder = database.runtime().config(config).state(Arc::clone(&tally));
    let started = Instant::now();
    let runtime = builder.start().await?;
    let capped = tokio::time::timeout(cap, tally.all_ran()).await.is_err();
    let handled = started.elapsed();
    let drained = runtime.shutdown().await;
    let took = started.elapsed();
    if drained.unstored > 0 {
        return Err(format!("{} outcomes could not be stored", drained.unstored).into());
    }
    Ok(Drain { took, handled, capped, tally })
}

/// orch's settings, with these slots if given.
pub(crate) fn config(slots: Option<usize>) -> Config {
    let default = Config::default();
    match slots {
        Some(slots) => default.concurrency(slots),
        None => default,
    }
}

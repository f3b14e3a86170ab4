use std::time::{Duration, Instant};

use orch::{Config, HandledCommand, Kind, Store};
use orch_core::policies::KindPolicy;
use orch_core::store::{Claim, ClaimParams, Claimed, Release, ReleaseReason};
use orch_core::words::{ClaimId, WorkerId};

use crate::Failed;
use crate::database::Database;
use crate::drain::measure_filled;
use crate::figures::Figures;
use crate::load::fill;
use crate::noop::Noop;

/// Claims whose time is taken in each stage.
const CLAIMS: usize = 20;
/// No stage takes longer.
const CAP: Duration = Duration::from_secs(1800);

/// Drains a database with more and more operations waiting, then the first number again with
/// at least `completed` of them COMPLETED. The stages follow one another on one database.
///
/// # Errors
/// The database's, or orch's.
pub(crate) async fn measure(
    database: &Database,
    waiting: &[u64],
    completed: u64,
) -> Result<Figures, Failed> {
    database.prepare().await?;
    let mut figures = Figures::new(format!("backlog on {}", database.kind()));
    let mut rates = Vec::new();
    let mut done = 0;
    let first = waiting.first().copied();
    let more = waiting.iter().sum::<u64>();
    let rest = completed.saturating_sub(more);
    let last = first.map(|first| (first, true));
    for (waiting, counted) in waiting
        .iter()
        .map(|waiting| (*waiting, true))
        .chain((rest > 0).then_some((rest, false)))
        .chain(last)
    {
        let stage = stage(database, waiting, done).await?;
        done += waiting;
        if counted {
            rates.extend(stage.number("ops_per_second"));
            figures = figures.with_stage(stage);
        }
    }
    let lowest = rates.iter().copied().reduce(f64::min);
    let ratio = lowest.zip(rates.first()).map(|(lowest, first)| lowest / first);
    Ok(figures.with_some("lowest_rate_to_first", ratio))
}

async fn stage(database: &Database, waiting: u64, done: u64) -> Result<Figures, Failed> {
    fill(database, waiting).await?;
    let config = Config::default();
    let claims_ms = claims_ms(&*database.store().await?, &config).await?;
    let figures = Figures::new(format!("{waiting} waiting, {done} completed before"))
        .with("waiting", waiting)
        .with("completed_before", done)
        .with_percentiles("claim_", claims_ms);
    measure_filled(database, waiting, config, CAP, figures).await
}

/// How long a claim of all slots takes. What was claimed is given back.
async fn claims_ms(store: &dyn Store, config: &Config) -> Result<Vec<f64>, Failed> {
    let kind = Kind::new(Noop::DOMAIN, Noop::EVENT)?;
    let worker = WorkerId::generate("orch-bench")?;
    let mut times = Vec::new();
    for _ in 0..CLAIMS {
        let params = ClaimParams {
            kinds: vec![KindPolicy::new(kind.clone())],
            worker: worker.clone(),
            id: ClaimId::generate(),
            limit: config.concurrency,
            lease: config.lease,
        };
        let asked = Instant::now();
        let claimed = store.claim(params).await?;
        times.push(asked.elapsed().as_secs_f64() * 1e3);
        store.release(claimed.into_iter().filter_map(unstarted).collect()).await?;
    }
    Ok(times)
}

fn unstarted(claimed: Claimed) -> Option<Release> {
    match claimed {
        Claimed::Operation(attempt) => {
            let claim = Claim { op_id: attempt.envelope.op_id, fence: attempt.envelope.fence };
            Some(Release { claim, reason: ReleaseReason::Unstarted })
        }
        Claimed::Undecodable { .. } | Claimed::Refused { .. } => None,
    }
}

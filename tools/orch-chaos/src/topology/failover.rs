use std::time::Duration;

use orch_lab::plan::now_us;

use super::crew::Crew;
use super::judge::Evidence;
use super::operator;
use super::pair::Pair;
use super::pooler::Pooler;
use super::scenario::{Flaw, Scenario};
use crate::cli::Cli;

/// Worker processes.
const WORKERS: u32 = 4;
/// Clients send again what was acknowledged from so long before the standby received its last, in
/// microseconds.
const REPEATED: i64 = 2_000_000;
/// Time in which a worker that may not claim would claim, before the operator says that it may.
const BEFORE_THE_OPERATOR: Duration = Duration::from_millis(700);

/// From the death of the primary to the request for a promotion. Calls that a worker had already
/// begun have come in by then.
const NOTICED: Duration = Duration::from_millis(300);
/// The same for every fourth: who waits for the database has backed off by then.
const NOTICED_LATE: std::ops::Range<u64> = 3_000..9_000;

/// Kills the primary and promotes its standby, again and again.
pub(crate) async fn run(crew: &mut Crew, cli: &Cli) -> crate::Result<Evidence> {
    let synchronous = crew.scenario.is_synchronous() && crew.flaw != Some(Flaw::Asynchronous);
    let mut pair = Pair::start(&crew.folder, synchronous).await?;
    let more = if synchronous { "&orch_require_sync=true&orch_on_failover=continue" } else { "" };
    let mut pooler = None;
    let url = if crew.scenario == Scenario::Pooler {
        let started = Pooler::start(&crew.folder, &pair.primary).await?;
        let url = started.url(more);
        pooler = Some(started);
        url
    } else {
        pair.url(more)
    };
    crew.open(&url).await?;
    crew.add_workers(WORKERS, &url)?;
    crew.add_clients(Crew::lanes(), &url)?;
    let mut promoted_at = Vec::new();
    for number in 1..=u64::from(cli.promotions) {
        crew.release(number, cli.promotions.into())?;
        crew.until_resumed().await?;
        let load = crew.dice.u64(500..1_500);
        tokio::time::sleep(Duration::from_millis(load)).await;
        let repeat_since = now_us() - REPEATED;
        if !synchronous {
            pair.standby.cut_off().await?;
            let unseen = crew.dice.u64(200..600);
            tokio::time::sleep(Duration::from_millis(unseen)).await;
        }
        let late = crew.dice.u64(NOTICED_LATE);
        let noticed = if number % 4 == 3 { Duration::from_millis(late) } else { NOTICED };
        let requested_at = pair.fail_over(noticed).await?;
        if let Some(pooler) = &pooler {
            pooler.point_to(&pair.primary)?;
        }
        promoted_at.push(requested_at);
        if crew.scenario == Scenario::AsyncUnsafe {
            // Nothing may be called that is not safe to repeat, until the operator has spoken.
            crew.until_accepted().await?;
        } else {
            crew.until_resumed().await?;
        }
        crew.tell_of_a_loss(repeat_since).await?;
        if crew.scenario == Scenario::AsyncUnsafe {
            // What is repeated later would be a new operation.
            tokio::time::sleep(BEFORE_THE_OPERATOR).await;
        }
        operator::confirm(crew.scenario, &pair.primary.url()).await?;
        pair.rebuild().await?;
    }
    crew.finish(&pair.primary.url(), promoted_at).await
}

use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::crew::Crew;
use super::handlers::Kind;
use super::orders::Orders;
use super::report::{Limit, Report};
use super::{failover, restore, twice};
use crate::cli::Cli;

/// A run with a primary, a standby, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// The primary is killed and its synchronous standby promoted, again and again
    Sync,
    /// The same with an asynchronous standby, cut off some time before
    Async,
    /// The same with a provider that knows no keys: doubt is parked
    AsyncUnsafe,
    /// The old primary and its workers go on for four seconds after the promotion
    SplitBrain,
    /// An older copy of the database takes its place
    Restore,
    /// A copy of the database, with workers, beside the live one
    Copy,
    /// As sync, with pgbouncer in between
    Pooler,
}

/// A mistake in the set-up. A run that does not find it shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flaw {
    /// The standby of sync and pooler is asynchronous, and cut off before the kill
    Asynchronous,
    /// The provider recognises no key
    IgnoredKeys,
}

/// The longest from the request of a promotion to the first success, and half of them.
const WORST: u64 = 2_000;
const MEDIAN: u64 = 1_000;
/// With so many promotions, both are limited: a short run is for machines that are busy.
const LONG_RUN: u32 = 10;

/// With one loss only, so many operations are enough.
const MOST_FOR_ONE_LOSS: u64 = 3_000;

/// The load, unless there are few operations: then they are spread over the run.
const PER_SECOND: u64 = 250;
/// Load before, during and after a fail-over.
const EACH_LOSS: Duration = Duration::from_secs(4);
/// The same for a scenario with one loss.
const ONE_LOSS: Duration = Duration::from_secs(12);

impl Scenario {
    pub(crate) fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// What its clients order.
    pub(crate) fn orders(self, seed: u64) -> Orders {
        let kinds: &[Kind] = match self {
            Self::Sync | Self::Async | Self::Pooler => &[Kind::Keyed],
            Self::AsyncUnsafe => &[Kind::Unsafe],
            Self::SplitBrain | Self::Restore | Self::Copy => &[Kind::Keyed, Kind::Unsafe],
        };
        // Some are to be past it when the copy is restored.
        let budget = Duration::from_secs(if self == Self::Restore { 4 } else { 3_600 });
        Orders { seed, kinds, budget }
    }

    /// How long its clients take to send them, while the supervisor lets them.
    pub(crate) fn duration(self, cli: &Cli) -> Duration {
        let by_rate = Duration::from_secs(self.operations(cli) / PER_SECOND);
        by_rate.max(if self.promotes() { EACH_LOSS * cli.promotions } else { ONE_LOSS })
    }

    /// True if its primary is killed again and again.
    const fn promotes(self) -> bool {
        matches!(self, Self::Sync | Self::Async | Self::AsyncUnsafe | Self::Pooler)
    }

    /// How many operations it sends.
    pub(crate) fn operations(self, cli: &Cli) -> u64 {
        if self.promotes() { cli.operations } else { cli.operations.min(MOST_FOR_ONE_LOSS) }
    }

    /// True if no acknowledged operation may be lost.
    pub(crate) const fn is_synchronous(self) -> bool {
        matches!(self, Self::Sync | Self::Pooler)
    }

    /// What it may not exceed.
    fn limits(self, cli: &Cli) -> Vec<Limit> {
        let mut limits = vec![("unfinished", 0), ("never_repeated", 0), ("completed_unpaid", 0)];
        if self != Self::AsyncUnsafe {
            limits.push(("paid_twice", 0));
        }
        match self {
            Self::Sync | Self::Pooler => {
                limits.extend([("lost", 0), ("calls_beyond_bound", 0)]);
                if cli.promotions >= LONG_RUN {
                    limits.extend([
                        ("accept_median_ms", MEDIAN),
                        ("accept_worst_ms", WORST),
                        ("claim_median_ms", MEDIAN),
                        ("claim_worst_ms", WORST),
                    ]);
                }
            }
            Self::Async => {}
            Self::AsyncUnsafe | Self::SplitBrain | Self::Copy => limits.push(("called_again", 0)),
            Self::Restore => limits.extend([("called_again", 0), ("certainly_failed", 0)]),
        }
        limits
    }

    /// What has to have happened, or the run shows nothing.
    fn minima(self, cli: &Cli) -> Vec<Limit> {
        let promotions = ("promotions", cli.promotions.into());
        match self {
            Self::Sync | Self::Pooler => vec![promotions],
            Self::Async | Self::AsyncUnsafe => vec![promotions, ("lost", 1)],
            Self::SplitBrain | Self::Restore => vec![("lost", 1)],
            Self::Copy => Vec::new(),
        }
    }

    /// The whole run.
    pub(crate) async fn run(self, cli: &Cli, folder: &Path) -> crate::Result<Report> {
        let began = Instant::now();
        let mut crew = Crew::new(self, cli, folder);
        let evidence = match self {
            Self::Sync | Self::Async | Self::AsyncUnsafe | Self::Pooler => {
                failover::run(&mut crew, cli).await?
            }
            Self::SplitBrain => twice::split_brain(&mut crew).await?,
            Self::Copy => twice::copy(&mut crew).await?,
            Self::Restore => restore::run(&mut crew).await?,
        };
        let figures = evidence.figures(self.orders(cli.seed));
        Ok(Report {
            scenario: self,
            seed: cli.seed,
            figures,
            limits: self.limits(cli),
            minima: self.minima(cli),
            took: began.elapsed(),
        })
    }
}

/// Refuses what cannot be run, naming flag and bound.
pub(crate) fn validate(cli: &Cli, scenarios: &[Scenario]) -> crate::Result<()> {
    if !(200..=1_000_000).contains(&cli.operations) {
        let given = cli.operations;
        return Err(format!("--operations is {given}; it must be 200 to 1,000,000").into());
    }
    let most = cli.operations / 100;
    let promotes = scenarios.iter().any(|scenario| scenario.promotes());
    if promotes && !(1..=most).contains(&cli.promotions.into()) {
        return Err(format!(
            "--promotions is {}; with {} operations it must be 1 to {most}, so that each meets work",
            cli.promotions, cli.operations
        )
        .into());
    }
    Ok(())
}

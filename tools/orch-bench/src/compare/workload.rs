//! The rows of the comparison: what is run, what it shows, what the goal is.

use clap::ValueEnum;

use super::goal::Goal;
use super::goal::Goal::{AtMost, RatioAtLeast, RatioAtMost};

/// What is run to fill one or more rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Accept, then drain with default slots: rates, the server's CPU time and its WAL
    Work,
    /// Bytes of a completed operation with a payload of 300 bytes
    Rest,
    /// Accepts of 16 callers
    #[value(name = "accept-16")]
    Accept16,
    /// Accepts of 256 callers
    #[value(name = "accept-256")]
    Accept256,
    /// From accept to the handler's start
    Latency,
    /// The drain with many waiting, by that with few
    Backlog,
    /// The drain of 16 processes, by that of one
    Fleet,
    /// What a worker without work costs
    Idle,
    /// 10,000 calls at once in one process
    InFlight,
    /// Accepts of 64 callers on SQLite
    SqliteAccept,
    /// The drain on SQLite
    SqliteDrain,
}

/// What the two figures of a ratio are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    /// The other binary's, and this one's.
    Binaries,
    /// This binary's with few and with many: the ratio is of the two.
    FewAndMany,
    /// This binary's alone: there is no ratio.
    Alone,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    /// What it shows.
    pub title: &'static str,
    /// What is to be reached.
    pub goal: Goal,
}

const fn row(title: &'static str, goal: Goal) -> Spec {
    Spec { title, goal }
}

impl Workload {
    /// Its rows, in the order of the figures of a run.
    pub(crate) fn rows(self) -> Vec<Spec> {
        match self {
            Self::Work => vec![
                row("drain, default slots, per second", RatioAtLeast(1.6)),
                row("server CPU of accept, claim and end, µs", RatioAtMost(0.65)),
                row("  accept: server CPU, µs", Goal::None),
                row("  claim and end: server CPU, µs", Goal::None),
                row("WAL of accept, claim and end, bytes", RatioAtMost(0.75)),
                row("  accept: WAL, bytes", Goal::None),
                row("  claim and end: WAL, bytes", Goal::None),
            ],
            Self::Rest => vec![
                row("at rest, payload of 300 bytes, bytes", RatioAtMost(0.75)),
                row("  at rest without the queue, bytes", Goal::None),
            ],
            Self::Accept16 => vec![
                row("accept, 16 callers, per second", RatioAtLeast(1.1)),
                row("  accept, 16 callers: server CPU, µs", Goal::None),
                row("  accept, 16 callers: WAL, bytes", Goal::None),
            ],
            Self::Accept256 => vec![
                row("accept, 256 callers, per second", RatioAtLeast(1.1)),
                row("  accept, 256 callers: server CPU, µs", Goal::None),
                row("  accept, 256 callers: WAL, bytes", Goal::None),
            ],
            Self::Latency => vec![
                row("accept to start of handler, p50, ms", RatioAtMost(1.0)),
                row("accept to start of handler, p99, ms", RatioAtMost(1.0)),
            ],
            Self::Backlog => vec![row("drain of many waiting, by 20,000", RatioAtLeast(0.9))],
            Self::Fleet => vec![row("drain of 16 processes, by one", RatioAtLeast(0.9))],
            Self::Idle => vec![
                row("idle worker, connections", AtMost(3.0)),
                row("idle worker, commits per second", AtMost(2.0)),
            ],
            Self::InFlight => vec![
                row("10,000 in flight, MB above the start", AtMost(40.0)),
                row("10,000 in flight, renewals per lease third", AtMost(1.0)),
            ],
            Self::SqliteAccept => {
                vec![row("SQLite: accept, 64 callers, per second", RatioAtLeast(1.1))]
            }
            Self::SqliteDrain => vec![row("SQLite: drain, per second", RatioAtLeast(1.1))],
        }
    }

    /// What its ratios are of.
    pub(crate) const fn sides(self) -> Sides {
        match self {
            Self::Backlog | Self::Fleet => Sides::FewAndMany,
            Self::Idle | Self::InFlight => Sides::Alone,
            _ => Sides::Binaries,
        }
    }

    /// Whether it needs no Postgres server.
    pub(crate) const fn is_sqlite(self) -> bool {
        matches!(self, Self::SqliteAccept | Self::SqliteDrain)
    }

    /// How many pairs are run where so many are asked for. Bytes at rest are the same each time, and a
    /// million operations take minutes.
    pub(crate) fn pairs(self, asked: usize) -> usize {
        match self {
            Self::Rest | Self::Idle | Self::InFlight => 1,
            Self::Backlog => asked.min(5),
            _ => asked,
        }
    }

    /// The subcommand that a binary needs for it, and the flags.
    pub(crate) const fn needs(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Work | Self::Rest | Self::Backlog => (&["peer", "drain"], &[]),
            Self::Accept16 | Self::Accept256 | Self::SqliteAccept => {
                (&["accept"], &["--operations", "--clients", "--json"])
            }
            Self::Latency => (&["latency"], &["--operations", "--every-ms", "--json"]),
            Self::SqliteDrain => (&["drain"], &["--operations", "--json"]),
            Self::Fleet | Self::Idle | Self::InFlight => (&["worker"], &[]),
        }
    }
}

/// How much is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub work: u64,
    pub rest: u64,
    pub accept_16: u64,
    pub accept_256: u64,
    pub latency: u64,
    pub few: u64,
    pub many: u64,
    pub fleet: u64,
    pub idle_s: u64,
    pub in_flight: u64,
    pub sqlite_accept: u64,
    pub sqlite_drain: u64,
}

impl Sizes {
    /// For figures to be kept.
    pub(crate) const FULL: Self = Self {
        work: 100_000,
        rest: 20_000,
        accept_16: 60_000,
        accept_256: 150_000,
        latency: 500,
        few: 20_000,
        many: 1_000_000,
        fleet: 200_000,
        idle_s: 30,
        in_flight: 10_000,
        sqlite_accept: 60_000,
        sqlite_drain: 40_000,
    };

    /// For a look.
    pub(crate) const QUICK: Self = Self {
        work: 40_000,
        rest: 10_000,
        accept_16: 20_000,
        accept_256: 60_000,
        latency: 250,
        many: 100_000,
        fleet: 60_000,
        idle_s: 10,
        sqlite_accept: 20_000,
        sqlite_drain: 10_000,
        ..Self::FULL
    };

    /// No count above this.
    pub(crate) fn at_most(self, operations: u64) -> Self {
        let least = |size: u64| size.min(operations);
        Self {
            work: least(self.work),
            rest: least(self.rest),
            accept_16: least(self.accept_16),
            accept_256: least(self.accept_256),
            latency: least(self.latency),
            few: least(self.few),
            many: least(self.many),
            fleet: least(self.fleet),
            idle_s: self.idle_s,
            in_flight: least(self.in_flight),
            sqlite_accept: least(self.sqlite_accept),
            sqlite_drain: least(self.sqlite_drain),
        }
    }
}

use std::time::Duration;

use clap::ValueEnum;
use orch_lab::plan::{dice, spread};
use orch_lab::store::Backend;

use crate::fate::{End, Fate, Point};
use crate::message::RECEIVERS;
use crate::world::{LEASE, TICK};

/// A fault that the supervisor injects from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// SIGKILL for a worker, unless enough have died by their fate.
    Kill,
    /// SIGSTOP for longer than the lease, unless enough were stopped by their fate.
    Pause,
    /// SIGTERM for a worker: it hands over.
    Terminate,
    /// SIGKILL for a client.
    KillClient,
    /// SIGKILL for a process that records what the provider tells.
    KillReceiver,
    /// `pg_terminate_backend` for one connection.
    Disconnect,
    /// `pg_ctl restart -m immediate`.
    Restart,
    /// A commit whose reply is lost.
    CutAfter,
    /// A commit that does not arrive.
    CutBefore,
    /// A reply that never comes, on a connection that stays open.
    Swallow,
    /// SQLite's write lock, held by somebody else.
    Lock,
    /// A disk without room.
    DiskFull,
    /// Every write of a worker fails.
    WriteErrors,
}

impl Fault {
    /// The word for it in figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kills",
            Self::Pause => "pauses",
            Self::Terminate => "terminated",
            Self::KillClient => "client_kills",
            Self::KillReceiver => "receiver_kills",
            Self::Disconnect => "disconnects",
            Self::Restart => "restarts",
            Self::CutAfter => "replies_lost",
            Self::CutBefore => "not_forwarded",
            Self::Swallow => "swallowed",
            Self::Lock => "locks",
            Self::DiskFull => "disk_full",
            Self::WriteErrors => "write_errors",
        }
    }

    /// True if no worker reaches the database meanwhile.
    pub(crate) const fn is_outage(self) -> bool {
        matches!(self, Self::Restart | Self::DiskFull)
    }

    /// True if some worker's calls to the database fail or wait for longer than a moment.
    pub(crate) const fn hangs(self) -> bool {
        matches!(self, Self::Swallow | Self::Lock | Self::WriteErrors)
    }
}

/// A seeded schedule of faults.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) backend: Backend,
    /// Worker processes at the same time.
    pub(crate) workers: u32,
    /// Client processes.
    pub(crate) lanes: u32,
    /// Processes that record what the provider tells.
    pub(crate) receivers: u32,
    /// How often the workers are replaced by those of another release; 0 with one release.
    pub(crate) rolls: u32,
    /// How long clients send and faults strike.
    pub(crate) duration: Duration,
    /// How many of each there are to be.
    pub(crate) counts: Vec<(Fault, u32)>,
    /// When each is due, in order.
    pub(crate) schedule: Vec<(Duration, Fault)>,
}

impl Plan {
    /// The plan for so many operations and kills; everything else follows from these.
    pub(crate) fn new(
        backend: Backend,
        operations: u64,
        kills: u32,
        rolls: u32,
        seed: u64,
    ) -> Self {
        let duration = match backend {
            Backend::Postgres => seconds(operations, 240).max(seconds(kills.into(), 2)),
            Backend::Sqlite => {
                seconds(operations, 120).max(seconds(kills.into(), 2)) + AFTER_A_DISK
            }
        };
        // There are fewer workers then, and each lives long enough to work.
        let duration = match rolls {
            0 => duration,
            _ => duration.max(ROLL * rolls).max(seconds(kills.into(), 1)),
        };
        // With two releases the provider tells nothing.
        let receivers = if rolls == 0 { RECEIVERS } else { 0 };
        let mut counts = counts(backend, kills);
        counts.retain(|(fault, _)| receivers > 0 || *fault != Fault::KillReceiver);
        let schedule = schedule(seed, duration, &counts);
        // With two releases every other client is of the new one.
        let (workers, lanes) = match (rolls, backend) {
            (0, Backend::Postgres) => (12, 3),
            (0, Backend::Sqlite) => (8, 3),
            _ => (6, 4),
        };
        Self { seed, backend, workers, lanes, receivers, rolls, duration, counts, schedule }
    }

    /// Between the ends of two workers that make room for another release: so that the rolls take the
    /// whole run, and both releases are there most of the time.
    pub(crate) fn roll_every(&self) -> Option<Duration> {
        let steps = self.rolls * (self.workers + 1);
        (steps > 0).then(|| self.duration.mul_f64(0.9) / steps)
    }

    /// Where the worker with this number dies or is stopped; a third of them wait for a fault from
    /// outside.
    pub(crate) fn fate(&self, number: u32) -> Option<Fate> {
        let mut dice = dice(&[self.seed, 5, number.into()]);
        let first = (number as usize).checked_sub(1).and_then(|place| FIRST.get(place));
        if let Some((point, end)) = first {
            return Some(Fate { point: *point, nth: dice.u32(1..=6), end: *end });
        }
        let end = match dice.u32(0..100) {
            0..45 => End::Kill,
            45..70 => End::Stop,
            _ => return None,
        };
        let points = Point::value_variants();
        let point = points[dice.usize(0..points.len())];
        // A writer of SQLite that is stopped stops all others too, with the lock in its hand.
        let holds = matches!(point, Point::Hooking | Point::Hooked);
        if end == End::Stop && holds && self.backend == Backend::Sqlite {
            return None;
        }
        let most = match point {
            Point::Renewing => 4,
            Point::Hooking | Point::Hooked | Point::Logged => 15,
            _ => 40,
        };
        Some(Fate { point, nth: dice.u32(1..=most), end })
    }

    /// How long the `nth` pause takes: the lease, the next look for expired ones, and a little
    /// more, so that the worker wakes up while another one is at its operations.
    pub(crate) fn pause(&self, nth: u32) -> Duration {
        let more = dice(&[self.seed, 6, nth.into()]).u64(0..900);
        LEASE + TICK + Duration::from_millis(50 + more)
    }

    /// How many of a fault are planned.
    pub(crate) fn count(&self, fault: Fault) -> u32 {
        self.counts.iter().find(|(planned, _)| *planned == fault).map_or(0, |(_, count)| *count)
    }
}

/// How long a roll takes at least.
const ROLL: Duration = Duration::from_secs(4);

/// A disk that was full leaves its mark for longer than the shortest run takes.
const AFTER_A_DISK: Duration = Duration::from_secs(6);

/// The first workers meet what every run must have met, however short it is.
const FIRST: [(Point, End); 8] = [
    (Point::Logging, End::Kill),
    (Point::Logged, End::Kill),
    (Point::Logging, End::Stop),
    (Point::Answered, End::Kill),
    (Point::Answered, End::Stop),
    (Point::Called, End::Kill),
    (Point::Logged, End::Kill),
    (Point::Logging, End::Stop),
];

/// At least twelve: a pause alone takes up to four.
fn seconds(count: u64, per_second: u64) -> Duration {
    Duration::from_secs((count / per_second).max(12))
}

/// In proportion to the kills, and some of each in the shortest run.
fn counts(backend: Backend, kills: u32) -> Vec<(Fault, u32)> {
    let share = |percent: u32, least: u32| (kills * percent).div_ceil(100).max(least);
    let mut counts = vec![
        (Fault::Kill, kills),
        (Fault::Pause, share(32, 4)),
        (Fault::Terminate, share(15, 3)),
        (Fault::KillClient, share(4, 2)),
        (Fault::KillReceiver, share(20, 4)),
    ];
    counts.extend(match backend {
        Backend::Postgres => vec![
            (Fault::Disconnect, share(20, 4)),
            (Fault::Restart, (kills / 170).max(1)),
            (Fault::CutAfter, share(56, 10)),
            (Fault::CutBefore, share(56, 10)),
            (Fault::Swallow, share(3, 2)),
        ],
        Backend::Sqlite => vec![
            (Fault::Lock, share(8, 3)),
            (Fault::DiskFull, share(2, 1)),
            (Fault::WriteErrors, share(4, 2)),
        ],
    });
    counts
}

/// Each fault evenly over the run, with jitter; nothing in the first and last moments.
fn schedule(seed: u64, duration: Duration, counts: &[(Fault, u32)]) -> Vec<(Duration, Fault)> {
    let due = |place| duration.mul_f64(0.05) + duration.mul_f64(0.9).mul_f64(place);
    let places = spread(&mut dice(&[seed, 7]), counts);
    places.into_iter().map(|(place, fault)| (due(place), fault)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_run_reaches_its_figures_in_time() {
        let plan = Plan::new(Backend::Postgres, 100_000, 1_000, 0, 1);
        assert!(plan.duration <= Duration::from_secs(510), "{:?}", plan.duration);
        for (fault, least) in [
            (Fault::Kill, 1_000),
            (Fault::Pause, 300),
            (Fault::CutAfter, 500),
            (Fault::CutBefore, 500),
            (Fault::Restart, 5),
        ] {
            assert!(plan.count(fault) >= least, "{fault:?}");
        }
        assert_eq!(plan.schedule.len() as u32, plan.counts.iter().map(|(_, n)| n).sum::<u32>());
    }

    #[test]
    fn a_plan_follows_from_its_seed() {
        let of = |seed| Plan::new(Backend::Sqlite, 1_000, 20, 0, seed);
        assert_eq!(of(1).schedule, of(1).schedule);
        assert_ne!(of(1).schedule, of(2).schedule);
        assert!((0..20).any(|number| of(1).fate(number) != of(2).fate(number)));
    }

    #[test]
    fn the_rolls_fit_into_the_run() {
        assert_eq!(Plan::new(Backend::Postgres, 1_000, 20, 0, 1).roll_every(), None);
        for (backend, rolls) in [(Backend::Postgres, 40), (Backend::Sqlite, 3)] {
            let plan = Plan::new(backend, 20_000, 200, rolls, 1);
            let steps = rolls * (plan.workers + 1);
            assert!(plan.roll_every().unwrap() * steps <= plan.duration);
            assert_eq!(plan.lanes % 2, 0, "an order's number says the release of its client");
        }
    }

    #[test]
    fn every_point_is_somebodys_end_in_a_full_run() {
        let plan = Plan::new(Backend::Postgres, 100_000, 1_000, 0, 1);
        for point in Point::value_variants() {
            for end in [End::Kill, End::Stop] {
                let fates = (0..1_000).filter_map(|number| plan.fate(number));
                let met = fates.filter(|fate| (fate.point, fate.end) == (*point, end)).count();
                assert!(met > 5, "{point:?} {end:?}: {met}");
            }
        }
    }
}

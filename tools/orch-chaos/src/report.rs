use std::collections::BTreeMap;
use std::time::Duration;

use orch_lab::fleet::Kill;
use orch_lab::process::word;
use orch_lab::store::Backend;
use serde_json::{Map, Value, json};

use crate::check::{Counts, Verdict};
use crate::fate::Point;
use crate::faults::Struck;
use crate::order::Product;
use crate::plan::{Fault, Plan};
use crate::recovery::Recovery;
use crate::release::Release;

/// Everything that the run says at its end.
pub(crate) struct Report {
    pub(crate) plan: Plan,
    pub(crate) operations: u64,
    pub(crate) verdict: Verdict,
    pub(crate) struck: Struck,
    pub(crate) recovery: Recovery,
    pub(crate) took: Duration,
}

/// After a kill, with a lease of 2 s.
const RECOVERY_MS: u64 = 4_000;
/// From SIGTERM to the end of the process.
const HAND_OVER_MS: u64 = 1_000;
/// Of so many operations, at least one is in doubt and goes a way that few go; with two releases it is met by
/// an old worker.
const SOME_DOUBT: u64 = 2_000;
/// Kinds whose handler names a contract.
const CONTRACTS: u64 = Product::CONTRACTS.len() as u64;
/// With so many kills, both times are limited.
const LONG_RUN: u32 = 100;

impl Report {
    /// True if no rule is broken and every fault struck where it had to.
    pub(crate) fn holds(&self) -> bool {
        self.verdict.found.holds() && self.struck.unexpected.is_empty() && self.unmet().is_empty()
    }

    /// What has to have happened for the run to mean anything: name, value, least value.
    fn minima(&self) -> Vec<(&'static str, u64, u64)> {
        let kills = u64::from(self.plan.count(Fault::Kill));
        let some = |percent: u64| (kills * percent).div_ceil(100).max(1);
        let found = &self.verdict.found;
        let of_all = |percent: u64| (self.operations * percent / 100).max(1);
        let recoveries = self.recovery.times.len() + self.recovery.times_in_outages.len();
        let one_release = u64::from(self.plan.rolls == 0);
        let long_run = u64::from(self.plan.count(Fault::Kill) >= LONG_RUN);
        let seats = |what| self.verdict.seats.get(what).copied().unwrap_or(0);
        let mut minima = vec![
            // An engine that accepts nothing, or ends all in doubt, breaks no rule.
            ("accepted", found.accepted, self.operations),
            ("completed", found.completed, of_all(70)),
            ("parked", found.parked, one_release),
            ("uncertain", found.uncertain, 1),
            ("reconciles", found.reconciles, of_all(1)),
            ("replayed", found.replayed, of_all(5)),
            ("late_entries", found.late_entries, 1),
            ("renewed", self.verdict.renewed, of_all(1)),
            ("recoveries_seen", recoveries as u64, some(20)),
            ("kills", self.struck.kills.len() as u64, kills),
            ("kills_in_flight", self.recovery.in_flight, some(20)),
            (
                "kills_between_answer_and_log",
                self.killed_at(&[Point::Answered, Point::Logging]),
                some(1),
            ),
            // A moment that a short run may miss, as are errors of the disk below.
            ("kills_between_log_and_finalize", self.killed_at(&[Point::Logged]), long_run),
            ("pauses", self.fault(Fault::Pause), kills * 3 / 10 * u64::from(kills >= 100) + 2),
            ("stale_rejected", self.stale_rejected(), some(5)),
            ("repeated_calls", found.repeated_calls, kills),
            // Three keys of each seat are refused at first, and half of the seats are given again.
            ("seats_refused", seats("seats_refused"), of_all(5) * one_release),
            ("seats_made_free", seats("seats_made_free"), of_all(1) * one_release),
            ("seats_redriven", seats("seats_redriven"), one_release),
        ];
        if self.plan.rolls > 0 {
            minima.extend(self.minima_of_releases());
        } else {
            minima.extend(self.minima_of_contracts());
            minima.extend(self.minima_of_messages());
        }
        if self.plan.backend == Backend::Postgres {
            let restarts = u64::from(self.plan.count(Fault::Restart));
            minima.push(("restarts", self.fault(Fault::Restart), restarts));
            minima.push(("replies_lost", self.fault(Fault::CutAfter), kills / 2));
            minima.push(("not_forwarded", self.fault(Fault::CutBefore), kills / 2));
            minima.push(("swallowed", self.fault(Fault::Swallow), 1));
        }
        if self.plan.backend == Backend::Sqlite {
            let said = |word| self.struck.disk_errors.get(word).copied().unwrap_or(0);
            // Only root has a disk that can be full.
            let full =
                if self.struck.disk_can_be_full { self.plan.count(Fault::DiskFull) } else { 0 };
            minima.push(("disk_full", self.fault(Fault::DiskFull), full.into()));
            minima.push(("disk_full_errors", said("full"), full.into()));
            minima.push(("io_errors", said("broken"), long_run));
        }
        minima
    }

    /// The same for kinds that name a contract, all together; each has to have completed something.
    fn minima_of_contracts(&self) -> Vec<(&'static str, u64, u64)> {
        let counts = &self.verdict.contracts;
        let all = |what| counts.values().filter_map(|counts| counts.get(what)).sum();
        let work = |counts: &&Counts| counts.get("completed").is_some_and(|count| *count > 0);
        let of_all = |percent: u64| (self.operations * percent / 100).max(1);
        vec![
            ("contracts_at_work", counts.values().filter(work).count() as u64, CONTRACTS),
            ("still_running", all("still_running"), self.operations / SOME_DOUBT / 4),
            ("already_done", all("already_done"), self.operations / SOME_DOUBT),
            ("renewed_keys", all("renewed_keys"), self.operations / SOME_DOUBT),
            ("not_happened", all("not_happened"), of_all(1)),
        ]
    }

    /// The same for what the provider tells by itself.
    fn minima_of_messages(&self) -> Vec<(&'static str, u64, u64)> {
        let counted = |name| self.verdict.messages.get(name).copied().unwrap_or(0);
        let of_all = |percent: u64| (self.operations * percent / 100).max(1);
        let kills = u64::from(self.plan.count(Fault::KillReceiver));
        vec![
            ("applied", counted("applied"), 1),
            ("late", counted("late"), of_all(1)),
            ("kept", counted("kept"), 1),
            ("known", counted("known"), of_all(1)),
            ("unmatched", counted("unmatched"), 1),
            ("completed_by_a_message", counted("completed_by_a_message"), 1),
            ("divergent", counted("divergent"), 1),
            ("receiver_kills", self.fault(Fault::KillReceiver), kills),
        ]
    }

    /// The same for two releases of the handlers.
    fn minima_of_releases(&self) -> Vec<(&'static str, u64, u64)> {
        let of_all = |percent: u64| (self.operations * percent / 100).max(1);
        let kills = u64::from(self.plan.count(Fault::Kill));
        let counted = |name| self.verdict.releases.get(name).copied().unwrap_or(0);
        let given_back = |what| self.struck.given_back.get(what).copied().unwrap_or(0);
        vec![
            ("rolls", self.struck.rolls, self.plan.rolls.into()),
            ("kills_of_old", self.kills_of(Release::Old), kills / 10),
            ("kills_of_new", self.kills_of(Release::New), kills / 10),
            ("calls_of_old", counted("calls_of_old"), of_all(10)),
            ("calls_of_new", counted("calls_of_new"), of_all(10)),
            ("results_of_old", counted("results_of_old"), of_all(8)),
            ("results_of_new", counted("results_of_new"), of_all(8)),
            ("ends_with_the_hook", counted("ends_with_the_hook"), of_all(1)),
            ("ends_without_the_hook", counted("ends_without_the_hook"), of_all(1)),
            ("says_more", counted("says_more"), of_all(5)),
            ("replayed_across", counted("replayed_across"), of_all(10)),
            ("found_across_forms", counted("found_across_forms"), of_all(1)),
            ("refused_in_the_old_form", counted("refused_in_the_old_form"), of_all(1)),
            ("given_back_for_a_field", given_back("field"), of_all(1)),
            // It takes doubt and an old worker that comes by: in a short run there may be none.
            ("given_back_for_a_hook", given_back("hook"), self.operations / SOME_DOUBT),
            ("given_back_for_a_reconcile", given_back("reconcile"), self.operations / SOME_DOUBT),
        ]
    }

    fn kills_of(&self, release: Release) -> u64 {
        let of = |kill: &Kill| self.struck.releases.get(&kill.worker) == Some(&release);
        self.struck.kills.iter().filter(|(kill, _)| of(kill)).count() as u64
    }

    fn unmet(&self) -> Vec<String> {
        let minima = self.minima().into_iter().filter(|(_, value, least)| value < least);
        let mut unmet: Vec<String> =
            minima.map(|(name, value, least)| format!("{name} is {value}, not {least}")).collect();
        let mut at_most = |name: &str, value: Option<u64>, most: u64| match value {
            Some(value) if value <= most => {}
            Some(value) => unmet.push(format!("{name} is {value}, more than {most}")),
            None => unmet.push(format!("{name} could not be measured")),
        };
        // In a short run the slowest one decides: a moment in which the machine was busy elsewhere.
        // With two releases an operation may have to wait for its own to come back.
        if self.plan.count(Fault::Kill) >= LONG_RUN && self.plan.rolls == 0 {
            at_most("recovery_p99_ms", Recovery::p99_ms(&self.recovery.times), RECOVERY_MS);
            at_most("hand_over_p99_ms", self.hand_over_p99_ms(), HAND_OVER_MS);
        }
        unmet
    }

    fn killed_at(&self, points: &[Point]) -> u64 {
        let there = |point: Option<Point>| point.is_some_and(|point| points.contains(&point));
        self.struck.kills.iter().filter(|(_, point)| there(*point)).count() as u64
    }

    fn fault(&self, fault: Fault) -> u64 {
        self.struck.faults.get(fault.name()).copied().unwrap_or(0).into()
    }

    /// Outcomes that were refused; renewals are told apart.
    fn stale_rejected(&self) -> u64 {
        self.struck.stale.iter().filter(|(verb, _)| *verb != "renew").map(|(_, count)| count).sum()
    }

    fn hand_over_p99_ms(&self) -> Option<u64> {
        let times: Vec<_> = self.struck.hand_overs.iter().map(|hand_over| hand_over.took).collect();
        Recovery::p99_ms(&times)
    }

    pub(crate) fn print(&self, as_json: bool) {
        for finding in &self.verdict.found.findings {
            println!("  BROKEN {finding}");
        }
        for ended in &self.struck.unexpected {
            println!("  UNEXPECTED {ended}");
        }
        for unmet in self.unmet() {
            println!("  UNMET {unmet}");
        }
        println!("  slowest recovery: {:?} {}", self.recovery.slowest.0, self.recovery.slowest.1);
        println!("  slowest hand-over: {:?}", self.struck.hand_overs.iter().max());
        for (kind, counts) in &self.verdict.contracts {
            let counts = counts.iter().map(|(what, count)| format!("{what} {count}"));
            println!("  {kind}: {}", counts.collect::<Vec<_>>().join(", "));
        }
        let figures = self.figures();
        for (name, value) in &figures {
            if !value.is_object() {
                println!("  {name:<32} {value}");
            }
        }
        if as_json {
            println!("{}", Value::Object(figures));
        }
    }

    fn figures(&self) -> Map<String, Value> {
        let found = &self.verdict.found;
        let broken: BTreeMap<_, _> = found.broken.iter().collect();
        let mut at: BTreeMap<String, u64> = BTreeMap::new();
        for (_, point) in &self.struck.kills {
            *at.entry(point.map_or("anywhere".into(), |point| word(&point))).or_default() += 1;
        }
        let ambiguous = self.fault(Fault::CutAfter) + self.fault(Fault::CutBefore);
        let mut figures = json!({
            "db": self.plan.backend,
            "seed": self.plan.seed,
            "operations": self.operations,
            "failed": found.failed.values().sum::<u64>(),
            "refused": self.verdict.refused,
            "calls": found.calls,
            "kills": self.struck.kills.len(),
            "kills_at": at,
            "faults": self.struck.faults,
            "stale": self.struck.stale,
            "cuts": self.struck.cuts,
            "ambiguous_commits": ambiguous,
            "money_in_store": found.money_in_store,
            "money_in_ledger": found.money_in_ledger,
            "lost": found.lost,
            "finalized_twice": self.verdict.finalized_twice,
            "outcome_changed": self.verdict.outcome_changed,
            "calls_beyond_bound": found.calls_beyond_bound,
            "broken": broken,
            "violations": found.violations(),
            "unexpected": self.struck.unexpected.len(),
            "healed": self.struck.healed,
            "recoveries": self.recovery.times.len(),
            "recovery_p99_ms": Recovery::p99_ms(&self.recovery.times),
            "recovery_in_outages_p99_ms": Recovery::p99_ms(&self.recovery.times_in_outages),
            "contracts": self.verdict.contracts,
            "hand_overs": self.struck.hand_overs.len(),
            "hand_over_p99_ms": self.hand_over_p99_ms(),
            "longest_expired_lease_ms": self.struck.overdue.as_millis(),
            "seconds": self.took.as_secs(),
            "holds": self.holds(),
        });
        let mut all = figures.as_object_mut().map(std::mem::take).unwrap_or_default();
        for (name, value, _) in self.minima() {
            all.insert(name.to_owned(), value.into());
        }
        let counts = [&self.verdict.releases, &self.verdict.seats, &self.verdict.messages];
        for (name, count) in counts.into_iter().flatten() {
            all.insert((*name).to_owned(), (*count).into());
        }
        for (fault, count) in &self.struck.faults {
            all.insert((*fault).to_owned(), (*count).into());
        }
        all
    }
}

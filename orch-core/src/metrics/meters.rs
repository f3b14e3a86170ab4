use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ::metrics::{Counter, Histogram, Label};

use super::table::{self, Metric};
use crate::store::{ClaimedOperation, Finalized, Purpose};
use crate::words::{AttemptEnd, Domain, EventType, Kind, Outcome, Source, Status};

/// The meters of one kind. They are handles that were looked up once: counting is an addition,
/// or nothing if no recorder was installed when they were made.
pub struct Meters {
    created: Counter,
    replayed: Counter,
    conflict: Counter,
    taken: Counter,
    other_version: Counter,
    other_form: Counter,
    attempt: Counter,
    reconcile: Counter,
    start_delay: Histogram,
    attempts: Ends,
    reconciles: Ends,
    completed: Counter,
    failed: Counter,
    parked: Counter,
    stale: Counter,
    late: Counter,
    divergences: Counter,
    hook_failures: Counter,
    unhandled: Counter,
    leases_lost: Counter,
    refused: Counter,
}

/// What became of a command that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// A new operation.
    Created,
    /// The operation of the same request.
    Replayed,
    /// Refused: the operation is one of another request.
    Conflict,
    /// Refused: another operation has the biz key.
    Taken,
    /// Refused: the operation is one of another version, which cannot be compared.
    OtherVersion,
    /// Its identity is made in another form than the one that is stored.
    OtherForm,
}

/// How attempts, or reconciles, end.
struct Ends {
    ok: Counter,
    retry: Counter,
    fail: Counter,
    in_doubt: Counter,
    not_happened: Counter,
    unreadable: Counter,
    still_running: Counter,
    already_done: Counter,
    submitted: Counter,
    duration: Histogram,
}

impl Meters {
    /// The meters of a kind, at the recorder that is installed now.
    #[must_use]
    pub fn of(kind: &Kind) -> Self {
        let plain = |metric| counter(&metric, kind, &[]);
        let accepted = |became| counter(&table::ACCEPTED, kind, &[("disposition", became)]);
        let claimed = |purpose| counter(&table::CLAIMED, kind, &[("purpose", purpose)]);
        let finished =
            |status: Status| counter(&table::FINISHED, kind, &[("status", status.as_str())]);
        Self {
            created: accepted("created"),
            replayed: accepted("replayed"),
            conflict: accepted("conflict"),
            taken: accepted("taken"),
            other_version: accepted("other_version"),
            other_form: accepted("other_form"),
            attempt: claimed("attempt"),
            reconcile: claimed("reconcile"),
            start_delay: histogram(&table::START_DELAY, kind, &[]),
            attempts: Ends::of(kind, Source::Handler),
            reconciles: Ends::of(kind, Source::Reconcile),
            completed: finished(Status::Completed),
            failed: finished(Status::Failed),
            parked: plain(table::PARKED),
            stale: plain(table::STALE),
            late: plain(table::LATE),
            divergences: plain(table::DIVERGENCES),
            hook_failures: plain(table::HOOK_FAILURES),
            unhandled: plain(table::UNHANDLED),
            leases_lost: plain(table::LEASES_LOST),
            refused: plain(table::REFUSED),
        }
    }

    /// A command was handed in.
    pub fn accepted(&self, became: Became) {
        match became {
            Became::Created => self.created.increment(1),
            Became::Replayed => self.replayed.increment(1),
            Became::Conflict => self.conflict.increment(1),
            Became::Taken => self.taken.increment(1),
            Became::OtherVersion => self.other_version.increment(1),
            Became::OtherForm => self.other_form.increment(1),
        }
    }

    /// An operation was claimed.
    pub fn claimed(&self, operation: &ClaimedOperation) {
        match operation.purpose {
            Purpose::Attempt => self.attempt.increment(1),
            Purpose::Reconcile => self.reconcile.increment(1),
        }
        let executions = operation.envelope.attempt.saturating_add(operation.uncounted);
        if operation.purpose == Purpose::Attempt && executions == 1 {
            self.start_delay.record(operation.claimed_at.since(operation.envelope.accepted_at));
        }
    }

    /// An attempt, or a reconcile, has ended after this long.
    pub fn ended(&self, source: Source, end: &AttemptEnd, took: Duration) {
        let ends = if source == Source::Reconcile { &self.reconciles } else { &self.attempts };
        ends.duration.record(took);
        match end {
            AttemptEnd::Outcome(Outcome::Ok { .. }) => ends.ok.increment(1),
            AttemptEnd::Outcome(Outcome::Retry { .. }) => ends.retry.increment(1),
            AttemptEnd::Outcome(Outcome::Fail(_)) => ends.fail.increment(1),
            AttemptEnd::Unreadable { .. } => ends.unreadable.increment(1),
            AttemptEnd::InDoubt { .. } => ends.in_doubt.increment(1),
            AttemptEnd::NotHappened => ends.not_happened.increment(1),
            AttemptEnd::StillRunning { .. } => ends.still_running.increment(1),
            AttemptEnd::AlreadyDone { .. } => ends.already_done.increment(1),
            AttemptEnd::Submitted { .. } => ends.submitted.increment(1),
        }
    }

    /// What became of an operation, or of the wish to move it.
    pub fn moved(&self, to: &Finalized) {
        match to {
            Finalized::Finished(outcome) if outcome.status() == Status::Completed => {
                self.completed.increment(1);
            }
            Finalized::Finished(_) => self.failed.increment(1),
            Finalized::Parked => self.parked.increment(1),
            Finalized::Stale => self.stale.increment(1),
            Finalized::HookFailed { .. } => self.hook_failures.increment(1),
            Finalized::Refused { .. } => self.refused.increment(1),
            Finalized::AlreadyFinal(_)
            | Finalized::Waiting { .. }
            | Finalized::InDoubt { .. }
            | Finalized::Submitted { .. } => {}
        }
    }

    /// An answer came too late and was kept.
    pub fn late_outcome(&self) {
        self.late.increment(1);
    }

    /// An answer contradicts the outcome.
    pub fn diverged(&self) {
        self.divergences.increment(1);
    }

    /// An operation was given back, for a worker that has all it needs.
    pub fn unhandled(&self) {
        self.unhandled.increment(1);
    }

    /// A lease was taken back.
    pub fn lease_lost(&self) {
        self.leases_lost.increment(1);
    }
}

impl Ends {
    fn of(kind: &Kind, source: Source) -> Self {
        let source = ("source", source.as_str());
        let end = |outcome| counter(&table::ATTEMPTS, kind, &[source, ("outcome", outcome)]);
        Self {
            ok: end("ok"),
            retry: end("retry"),
            fail: end("fail"),
            in_doubt: end("in_doubt"),
            not_happened: end("not_happened"),
            unreadable: end("unreadable"),
            still_running: end("still_running"),
            already_done: end("already_done"),
            submitted: end("submitted"),
            duration: histogram(&table::ATTEMPT_DURATION, kind, &[source]),
        }
    }
}

type More<'a> = &'a [(&'static str, &'static str)];

fn counter(metric: &Metric, kind: &Kind, more: More<'_>) -> Counter {
    ::metrics::counter!(metric.name, labels(kind, more))
}

fn histogram(metric: &Metric, kind: &Kind, more: More<'_>) -> Histogram {
    ::metrics::histogram!(metric.name, labels(kind, more))
}

/// Domain and event, and words from the table: never a key, a payload or an error's text, so
/// that a program has as many series as it has handlers.
fn labels(kind: &Kind, more: More<'_>) -> Vec<Label> {
    let kind = [
        Label::new("domain", kind.domain.to_string()),
        Label::new("event", kind.event_type.to_string()),
    ];
    let more = more.iter().map(|(name, value)| Label::from_static_parts(name, value));
    kind.into_iter().chain(more).collect()
}

/// The meters of kinds that are met on the way: those of a producer, which has no handlers.
#[derive(Default)]
pub struct MetersByKind(RwLock<HashMap<Domain, HashMap<EventType, Arc<Meters>>>>);

impl MetersByKind {
    /// The meters of this domain and event, made at the first call.
    pub fn of(&self, domain: &Domain, event_type: &EventType) -> Arc<Meters> {
        let met = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(meters) = met.get(domain).and_then(|events| events.get(event_type)) {
            return Arc::clone(meters);
        }
        drop(met);
        let kind = Kind { domain: domain.clone(), event_type: event_type.clone() };
        let mut met = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let events = met.entry(domain.clone()).or_default();
        let meters =
            events.entry(event_type.clone()).or_insert_with(|| Arc::new(Meters::of(&kind)));
        Arc::clone(meters)
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meters")
    }
}

impl fmt::Debug for MetersByKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetersByKind")
    }
}

//! What the facts of the sweeps mean: what no worker ended.

use std::time::Duration;

use super::change::Change;
use super::finalized::follow;
use super::next::{Move, after_attempt, over_budget};
use super::{Answer, Entry, Purpose, Row, Step};
use crate::policies::{InDoubt, KindPolicy};
use crate::words::{AttemptEnd, ClaimId, FinalOutcome, Outcome, Phase, Source, Status, Timestamp};

/// Why an operation is in doubt whose attempts are not all known.
const LOST: &str = "the database was failed over, restored or copied; an attempt may be missing \
                    from its history";
/// Why an operation is parked that the provider had accepted.
const UNTOLD: &str = "its time budget is over, and the provider has not told what became of it";
/// Why an operation of a copy is parked.
const COPIED: &str = "the database is a copy of another one; the operation belongs to the original";

/// The way of an operation that no worker has claimed: it has no entry of an attempt that would show it.
const TAKEN_UP: &str = "PENDING → IN_PROGRESS; no worker had claimed it";
/// The same where it ends at once.
const ENDED: &str = "PENDING → IN_PROGRESS → FAILED; no worker had claimed it";

/// A lost attempt is logged in doubt under its own fence, counted, and followed as the row
/// declares. A lost reconcile is only due again, or parked after the last one. Who held the lease
/// is stale from here on.
pub(super) fn lease_expired(mut change: Change, jitter: f64) -> Step {
    let now = change.now;
    let Some(purpose) = change.row.purpose().filter(|_| change.row.is_expired(now)) else {
        return change.answer(Answer::Stale);
    };
    let lost = AttemptEnd::lost(change.row.worker.as_ref());
    let delay = match purpose {
        Purpose::Attempt => change.row.policy.backoff.delay(change.row.attempt, jitter),
        Purpose::Reconcile => Duration::ZERO,
    };
    let next = match after_attempt(&lost, &change.row, delay, now) {
        Move::Submit { .. } if change.row.reconciles_are_used_up() => Move::Park,
        next => next,
    };
    if purpose == Purpose::Attempt {
        let entry = Entry::of(&change.row, Source::Engine, lost, now).of_attempt(&change.row);
        change.row.count(&entry.log);
        change.append(entry);
    }
    change.supersede(ClaimId::NONE);
    match next {
        Move::Finish(outcome) => conclude(change, outcome, Source::Engine, None),
        next => {
            change.make(next);
            change.answer_standing()
        }
    }
}

/// Assumes an attempt that the database has lost: logs it in doubt under its own fence, and follows
/// it as the kind declares. It may have been made at any time since the operation was accepted or
/// last set to run again.
pub(super) fn history_lost(
    mut change: Change,
    policy: &KindPolicy,
    whole_since: u32,
    copied: bool,
) -> Step {
    let now = change.now;
    let never_claimed = change.row.status == Status::Pending;
    if !change.row.is_to_be_doubted(whole_since, now) || !change.begin() {
        return change.answer(Answer::Stale);
    }
    change.supersede(ClaimId::NONE);
    let row = &mut change.row;
    row.incarnation = whole_since;
    row.adopt(policy, never_claimed);
    row.policy.in_doubt =
        Purpose::of(true, row.policy.in_doubt, policy.in_doubt).declares(policy.in_doubt);
    let doubt = AttemptEnd::InDoubt { reason: if copied { COPIED } else { LOST }.to_owned() };
    let next = match after_attempt(&doubt, row, Duration::ZERO, now) {
        _ if copied => Move::Park,
        next => next,
    };
    let mut entry = Entry::of(row, Source::Engine, doubt, now);
    entry.log.note = never_claimed.then(|| TAKEN_UP.to_owned());
    entry.log.started_at = Some(row.deadline.minus(row.time_budget));
    row.count(&entry.log);
    change.append(entry);
    match next {
        Move::Finish(outcome) => {
            change.supersede(ClaimId::NONE);
            conclude(change, outcome, Source::Engine, None)
        }
        next => {
            change.make(next);
            change.answer_standing()
        }
    }
}

impl Row {
    /// What a sweep takes of the rules of its worker's handler: that there is a hook and, where no
    /// claim has said it, how long the operation is kept.
    fn adopt(&mut self, policy: &KindPolicy, never_claimed: bool) {
        self.policy.hooked |= policy.hooked;
        if never_claimed {
            self.policy.retention = policy.retention;
        }
    }
}

/// PENDING passes through IN_PROGRESS, as every operation does. What the provider had accepted and has told
/// nothing of is doubt from here on: parked, where the handler wants that of doubt.
pub(super) fn budget_spent(
    mut change: Change,
    policy: Option<&KindPolicy>,
    whole_since: u32,
) -> Step {
    if !change.row.is_over_budget(whole_since, change.now) {
        return change.answer(Answer::Stale);
    }
    let never_claimed = change.row.status == Status::Pending;
    if let Some(policy) = policy {
        change.row.adopt(policy, never_claimed);
    }
    let failure = over_budget(&change.row);
    if !change.begin() {
        return change.answer(Answer::Stale);
    }
    change.supersede(ClaimId::NONE);
    if change.row.phase == Some(Phase::Submitted)
        && let Some(next) = not_told_in_time(&mut change.row, policy, change.now)
    {
        change.make(next);
        return change.answer_standing();
    }
    // With a hook it is FAILED once that has run, and an operator may decide otherwise before.
    let way = if change.row.policy.hooked { TAKEN_UP } else { ENDED };
    let note = never_claimed.then_some(way);
    conclude(change, FinalOutcome::Failed(failure), Source::Engine, note)
}

/// What follows the deadline of what the provider has accepted; `None` if that ends it. A later release than the
/// one that has called may be able to ask.
fn not_told_in_time(row: &mut Row, policy: Option<&KindPolicy>, now: Timestamp) -> Option<Move> {
    if policy.is_some_and(|policy| policy.in_doubt == InDoubt::Reconcile) {
        row.policy.in_doubt = InDoubt::Reconcile;
        return Some(Move::Submit { due_at: now });
    }
    if row.policy.in_doubt != InDoubt::Park {
        return None;
    }
    let accepted = row.reason.take().unwrap_or_default();
    row.reason = Some(format!("{UNTOLD}: {accepted}"));
    Some(Move::Park)
}

/// Ends an operation that no worker ended, under its latest fence. With a finalize hook the end is
/// only logged, and the Finalizer does the rest.
pub(super) fn conclude(
    mut change: Change,
    outcome: FinalOutcome,
    source: Source,
    note: Option<&str>,
) -> Step {
    let end = AttemptEnd::Outcome(Outcome::from(outcome));
    let mut entry = Entry::of(&change.row, source, end, change.now);
    entry.log.note = note.map(str::to_owned);
    change.end_lease();
    change.row.phase = Some(Phase::Running);
    if change.row.policy.hooked {
        change.append(entry.pending());
        return change.answer(Answer::Logged);
    }
    change.append(entry.clone());
    follow(change, &entry)
}

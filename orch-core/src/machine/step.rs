use std::time::Duration;

use super::Row;
use super::answered::answered;
use super::change::Change;
use super::decided::{Decision, redriven, resolved};
use super::finalized::{finalized, follow, hook_failed};
use super::next::Move;
use super::swept::{budget_spent, history_lost, lease_expired};
use super::{Answer, Ended, Entry, EntryWrite, Fact, Purpose, ReleaseReason};
use crate::policies::{
    KindPolicy, UNHANDLED_MAX_PAUSE, UNHANDLED_MIN_PAUSE, UNHANDLED_PARKED_AFTER,
};
use crate::words::{ClaimId, Failure, Fence, FinalOutcome, Phase, Source, Timestamp, WorkerId};

/// What a fact means: what a store has to write, in one transaction, and what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The row as it is to be. The one before where nothing changes.
    pub row: Row,
    /// The changes of the log, oldest first.
    pub entries: Vec<EntryWrite>,
    /// The failure of the dead letter to write.
    pub letter: Option<Failure>,
    /// What the caller is told.
    pub answer: Answer,
}

impl Step {
    /// The outcome, if this step makes an operation terminal that was not so `before`: then its
    /// finalize hook runs in the same transaction.
    #[must_use]
    pub fn finishes(&self, before: &Row) -> Option<&FinalOutcome> {
        self.row.outcome.as_ref().filter(|_| before.outcome.is_none())
    }
}

/// What this fact means for the row, at this instant of the store's clock. A fact that is not
/// about the row as it is, such as a claim that is superseded, changes nothing but may leave a
/// late entry.
#[must_use]
pub fn step(row: &Row, fact: Fact<'_>, now: Timestamp) -> Step {
    let change = Change::of(row, now);
    match fact {
        Fact::Claimed { policy, worker, id, lease, whole_since } => {
            claimed(change, policy, whole_since, &Holder { worker, id, lease })
        }
        Fact::Renewed { fence, lease } => renewed(change, fence, lease),
        Fact::Released { fence, reason, logged } => released(change, fence, reason, logged),
        Fact::Logged(ended) => logged(change, ended),
        Fact::Settled(ended) => settled(change, ended),
        Fact::Finalized { fence, logged, has_hook } => finalized(change, fence, logged, has_hook),
        Fact::HookFailed { fence, logged, error, jitter } => {
            hook_failed(change, fence, logged, error, jitter)
        }
        Fact::LeaseExpired { jitter } => lease_expired(change, jitter),
        Fact::BudgetSpent { policy, whole_since } => budget_spent(change, policy, whole_since),
        Fact::HistoryLost { policy, whole_since, copied } => {
            history_lost(change, policy, whole_since, copied)
        }
        Fact::Resolved { fence, .. } if fence != row.fence => change.answer(Answer::Stale),
        Fact::Resolved { logged, resolution, note, hooked_kinds, whole_since, .. } => {
            resolved(change, logged, resolution, &Decision { note, hooked_kinds, whole_since })
        }
        Fact::Answered { message, logged } => answered(change, message, logged),
        Fact::Redriven { even_if_uncertain, late_success } => {
            redriven(change, even_if_uncertain, late_success)
        }
        Fact::Undecodable { reason } => undecodable(change, reason),
    }
}

/// Who claims, and until when.
struct Holder<'a> {
    worker: &'a WorkerId,
    id: ClaimId,
    lease: Duration,
}

/// **S2.** The intent to call is written before the call: PENDING → IN_PROGRESS, fence and attempt
/// go up, the lease begins.
fn claimed(mut change: Change, policy: &KindPolicy, whole_since: u32, holder: &Holder<'_>) -> Step {
    let now = change.now;
    if !change.row.is_claimable(policy, whole_since, now) || !change.begin() {
        return change.answer(Answer::Stale);
    }
    let purpose = change.row.purpose_for(policy);
    change.supersede(holder.id);
    let row = &mut change.row;
    row.due_at = None;
    row.worker = Some(holder.worker.clone());
    row.started_at = Some(now);
    row.lease_expires_at = Some(now.plus(holder.lease));
    // While doubt remains, the call that may have acted was of a worker with a hook: it is still owed,
    // also by one that has none.
    let hooked = policy.hooked || row.is_unresolved() && row.policy.hooked;
    row.policy =
        KindPolicy { in_doubt: purpose.declares(policy.in_doubt), hooked, ..policy.clone() };
    row.count_claim(purpose);
    row.phase = Some(match purpose {
        Purpose::Attempt => Phase::Running,
        Purpose::Reconcile if row.phase == Some(Phase::Submitted) => Phase::Submitted,
        Purpose::Reconcile => Phase::InDoubt,
    });
    change.answer(Answer::Claimed(purpose))
}

fn renewed(mut change: Change, fence: Fence, lease: Duration) -> Step {
    if !change.row.is_held_under(fence) {
        return change.answer(Answer::Stale);
    }
    let lease_expires_at = change.now.plus(lease);
    change.row.lease_expires_at = Some(lease_expires_at);
    change.answer(Answer::Renewed { lease_expires_at })
}

/// The attempt, or the reconcile, is not counted. The fence stays: it only grows.
fn released(
    mut change: Change,
    fence: Fence,
    reason: &ReleaseReason,
    logged: Option<&Entry>,
) -> Step {
    if !change.row.is_held_under(fence) {
        // Given back before, and nothing has ended under this claim: the same call again.
        let again = change.row.is_under(fence) && logged.is_none();
        return change.answer(if again { Answer::Released } else { Answer::Stale });
    }
    let not_before = change.now;
    let row = &mut change.row;
    let purpose = row.purpose().unwrap_or(Purpose::Attempt);
    row.uncount_claim(purpose);
    let next = match purpose {
        Purpose::Attempt => Move::Wait { not_before },
        Purpose::Reconcile if row.phase == Some(Phase::Submitted) => {
            Move::Submit { due_at: not_before }
        }
        Purpose::Reconcile => Move::Doubt { not_before },
    };
    // It was not run, so no hook of this worker is owed.
    row.policy.hooked &= row.is_unresolved();
    match reason {
        ReleaseReason::Unstarted => change.make(next),
        ReleaseReason::Unrunnable { reason } => {
            change.row.reason = Some(reason.clone());
            change.make(Move::Park);
        }
        ReleaseReason::Unhandled { reason } => unhandled(&mut change, next, reason),
    }
    change.answer(Answer::Released)
}

/// Left to a worker that has all it needs: claimable again after as long as it has waited already,
/// and parked when it has waited for long. Parked it stays claimable while its time budget lasts, so
/// that such a worker takes it without an operator. What is submitted is not parked before its deadline: it
/// does not need that worker, since the provider tells what becomes of it.
fn unhandled(change: &mut Change, next: Move, reason: &str) {
    let now = change.now;
    let since = *change.row.unhandled_since.get_or_insert(now);
    let waited = now.since(since);
    change.row.reason = Some(reason.to_owned());
    let is_told_later = matches!(next, Move::Submit { .. }) && now < change.row.deadline;
    if waited >= UNHANDLED_PARKED_AFTER && !is_told_later {
        let due_at = now.plus(UNHANDLED_MAX_PAUSE);
        // Past its deadline only a reconcile may begin.
        let claimable = !matches!(next, Move::Wait { .. }) || due_at < change.row.deadline;
        change.make(Move::Park);
        change.row.due_at = claimable.then_some(due_at);
        return;
    }
    let not_before = now.plus(waited.clamp(UNHANDLED_MIN_PAUSE, UNHANDLED_MAX_PAUSE));
    change.make(match next {
        Move::Doubt { .. } => Move::Doubt { not_before },
        Move::Submit { .. } => Move::Submit { due_at: not_before },
        _ => Move::Wait { not_before },
    });
}

/// **S3, first half.** The lease ends with it, so that no sweep takes the attempt for lost.
fn logged(mut change: Change, ended: Ended<'_>) -> Step {
    match place(&change.row, ended) {
        Place::Held => {
            let entry = entry_of(&change, ended).pending();
            change.append(entry);
            change.end_lease();
            change.answer(Answer::Logged)
        }
        Place::Repeated(_) => change.answer(Answer::Logged),
        Place::Stale => late(change, ended),
    }
}

/// **S3 as a whole.**
fn settled(mut change: Change, ended: Ended<'_>) -> Step {
    match place(&change.row, ended) {
        Place::Held => {
            let entry = entry_of(&change, ended);
            change.append(entry.clone());
            follow(change, &entry)
        }
        Place::Repeated(entry) => finalized(change, ended.fence, Some(entry), true),
        Place::Stale => late(change, ended),
    }
}

/// Parked, so that it holds up no other operation; who held a lease is stale. A terminal operation
/// stays as it is.
fn undecodable(mut change: Change, reason: &str) -> Step {
    if !change.begin() {
        return change.answer(Answer::Stale);
    }
    change.supersede(ClaimId::NONE);
    change.row.reason = Some(reason.to_owned());
    change.make(Move::Park);
    change.answer_standing()
}

/// Where an end belongs.
enum Place<'a> {
    /// Its claim holds the lease: it counts.
    Held,
    /// Its claim has logged before: the first entry counts.
    Repeated(&'a Entry),
    /// Its claim is superseded, was given back, or never was.
    Stale,
}

fn place<'a>(row: &Row, ended: Ended<'a>) -> Place<'a> {
    match ended.logged {
        Some(entry) if entry.is_of_worker() => Place::Repeated(entry),
        Some(_) => Place::Stale,
        None if row.is_held_under(ended.fence) => Place::Held,
        None => Place::Stale,
    }
}

/// An entry about the attempt, or the reconcile, that holds the lease.
fn entry_of(change: &Change, ended: Ended<'_>) -> Entry {
    let entry = Entry::of(&change.row, ended.source, ended.end.clone(), change.now);
    Entry { delay: ended.delay, ..entry.of_attempt(&change.row) }
}

/// An answer is kept although nothing follows from it; doubt is none. Its claim may be one that the
/// database has lost since, in a fail-over or by a restored copy: then the fence is beyond the
/// latest, or has the same count and another id.
fn late(mut change: Change, ended: Ended<'_>) -> Step {
    let lost = ended.logged.map(|entry| &entry.log);
    let kept_before = lost.is_some_and(|lost| lost.source != Source::Engine);
    if ended.end.is_answer() && !kept_before {
        let mut entry = Entry::of(&change.row, ended.source, ended.end.clone(), change.now);
        entry.log.fence = ended.fence;
        entry.log.late = true;
        if let Some(lost) = lost {
            entry.log.attempt = lost.attempt;
            entry.log.worker.clone_from(&lost.worker);
            entry.log.started_at = lost.started_at;
        }
        change.append(entry);
    }
    change.answer(Answer::Stale)
}

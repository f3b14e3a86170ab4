//! What finalizing a logged end means for the row: it follows, or waits for its finalize hook.

use super::change::Change;
use super::next::{Move, after_attempt};
use super::{Answer, Entry, Finalized, Row, Step};
use crate::policies::{Backoff, UNHANDLED_PARKED_AFTER};
use crate::words::{Fence, FinalOutcome, LogStatus, Phase};

/// Why an outcome is not finalized that owes a hook.
const NO_HOOK: &str = "its outcome is logged, and no worker that has looked has its finalize hook";

/// **S3, second half.** The status follows the log; no outcome is passed in.
pub(super) fn finalized(
    mut change: Change,
    fence: Fence,
    logged: Option<&Entry>,
    has_hook: bool,
) -> Step {
    match logged.filter(|_| change.row.fence == fence) {
        None => change.answer(Answer::Stale),
        Some(entry) if entry.log.status == LogStatus::Completed => repeated(change),
        Some(entry) if !has_hook && owes_hook(&change.row, entry) => hook_missing(change, entry),
        Some(entry) => {
            change.update(entry.clone().completed());
            follow(change, entry)
        }
    }
}

/// The row has followed before. What it has come to since is told.
fn repeated(change: Change) -> Step {
    let standing = Finalized::standing(&change.row).again();
    change.answer(Answer::Moved(standing))
}

/// True if the row becomes terminal by this entry, and a finalize hook is to run then.
fn owes_hook(row: &Row, entry: &Entry) -> bool {
    row.policy.hooked && outcome(row, entry).is_some()
}

/// Left to a worker that has the hook, and parked when none has come for long after it was due: a hook that
/// fails moves that instant. Parked for this it stays due, so that such a worker takes it without an
/// operator.
fn hook_missing(mut change: Change, entry: &Entry) -> Step {
    let now = change.now;
    let due_at = entry.due_at.unwrap_or(now);
    if now.since(due_at) < UNHANDLED_PARKED_AFTER {
        return change
            .answer(Answer::Moved(Finalized::HookFailed { reason: NO_HOOK.into(), due_at }));
    }
    if change.row.phase != Some(Phase::Parked) {
        change.row.reason = Some(NO_HOOK.to_owned());
        change.make(Move::Park);
    }
    change.answer(Answer::Moved(Finalized::Parked))
}

pub(super) fn hook_failed(
    mut change: Change,
    fence: Fence,
    logged: Option<&Entry>,
    error: &str,
    jitter: f64,
) -> Step {
    let pending =
        logged.filter(|entry| change.row.fence == fence && entry.log.status == LogStatus::Pending);
    let Some(entry) = pending else { return finalized(change, fence, logged, true) };
    let mut entry = entry.clone();
    // Another run of the same turn has failed as well, and was counted.
    if let Some(due_at) = entry.due_at.filter(|at| entry.hook_failures > 0 && *at > change.now) {
        let reason = error.to_owned();
        return change.answer(Answer::Moved(Finalized::HookFailed { reason, due_at }));
    }
    if entry.count_hook_failure() {
        return park_for_hook(change, entry, error);
    }
    let due_at = change.now.plus(Backoff::DEFAULT.delay(entry.hook_failures, jitter));
    entry.due_at = Some(due_at);
    entry.log.hook_error = Some(error.to_owned());
    change.update(entry);
    if change.row.phase == Some(Phase::Parked) {
        // Nobody had the hook, and now somebody has.
        change.row.phase = Some(Phase::Running);
        change.row.reason = None;
    }
    change.answer(Answer::Moved(Finalized::HookFailed { reason: error.to_owned(), due_at }))
}

/// The outcome stays in the log, due to nobody, until an operator decides.
fn park_for_hook(mut change: Change, mut entry: Entry, error: &str) -> Step {
    entry.due_at = None;
    entry.log.hook_error = Some(error.to_owned());
    let failures = entry.hook_failures;
    change.update(entry);
    change.row.reason = Some(format!("its finalize hook has failed {failures} times: {error}"));
    change.make(Move::Park);
    change.answer_standing()
}

/// The outcome that the row would end with by this entry; `None` if the operation would go on.
pub(super) fn outcome(row: &Row, entry: &Entry) -> Option<FinalOutcome> {
    match after_attempt(&entry.log.end, row, entry.delay, entry.log.logged_at) {
        Move::Finish(outcome) => Some(outcome),
        Move::Wait { .. } | Move::Doubt { .. } | Move::Submit { .. } | Move::Park => None,
    }
}

/// The row follows an entry. The delay counts from the end of the attempt, however late the entry
/// is finalized.
pub(super) fn follow(mut change: Change, entry: &Entry) -> Step {
    let next = after_attempt(&entry.log.end, &change.row, entry.delay, entry.log.logged_at);
    change.row.count(&entry.log);
    match next {
        Move::Finish(_) => {}
        Move::Submit { .. } => change.row.give_back_reconcile(&entry.log),
        Move::Wait { .. } | Move::Doubt { .. } | Move::Park => change.row.give_back(&entry.log),
    }
    change.make(next);
    change.answer_standing()
}

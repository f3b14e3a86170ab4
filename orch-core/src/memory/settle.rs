use std::time::Duration;

use super::tables::{Entry, Tables};
use crate::policies::{Move, after_attempt};
use crate::store::{Claim, EndedAttempt, Finalized, HookError, Logged};
use crate::words::{Envelope, FinalOutcome, LogEntry, LogStatus, Source, Timestamp, storable};

/// Appends an end as PENDING and drops the lease.
pub(super) fn log(tables: &mut Tables, ended: EndedAttempt, now: Timestamp) -> Logged {
    if tables.entry(ended.claim).is_some() {
        return Logged::Logged;
    }
    let Some(row) = tables.leased(ended.claim) else {
        keep_late(tables, ended, now);
        return Logged::Stale;
    };
    row.operation.lease_expires_at = None;
    let entry = LogEntry {
        fence: ended.claim.fence,
        attempt: row.operation.attempt,
        worker: row.worker.clone(),
        source: ended.source,
        started_at: row.started_at,
        logged_at: now,
        end: ended.end,
        status: LogStatus::Pending,
        late: false,
        note: None,
        hook_error: None,
    };
    tables.append(ended.claim, Entry::new(entry, ended.delay));
    Logged::Logged
}

/// An answer without effect is kept once. Not an answer that is in the log already: then this
/// is the repetition of a call whose reply was lost.
fn keep_late(tables: &mut Tables, ended: EndedAttempt, now: Timestamp) {
    let op_id = ended.claim.op_id;
    let Some(row) = tables.rows.get(&op_id) else { return };
    let claimed = ended.claim.fence <= row.operation.fence;
    if !claimed || !ended.end.is_answer() {
        return;
    }
    let mut lost = None;
    for e in tables.log.get(&op_id).into_iter().flatten() {
        if e.entry.fence == ended.claim.fence {
            if e.entry.late || e.entry.source != Source::Engine {
                return;
            }
            lost = Some(&e.entry);
        }
    }
    let entry = LogEntry {
        fence: ended.claim.fence,
        attempt: lost.map_or(row.operation.attempt, |lost| lost.attempt),
        worker: lost.and_then(|lost| lost.worker.clone()),
        source: ended.source,
        started_at: lost.and_then(|lost| lost.started_at),
        logged_at: now,
        end: ended.end,
        status: LogStatus::Completed,
        late: true,
        note: None,
        hook_error: None,
    };
    tables.append(ended.claim, Entry::new(entry, Duration::ZERO));
    if let Some(letter) = tables.dead_letters.get_mut(&op_id) {
        letter.late_outcomes = letter.late_outcomes.saturating_add(1);
    }
}

/// Moves the operation as its PENDING entry says.
pub(super) fn finalize(tables: &mut Tables, claim: Claim, now: Timestamp) -> Finalized {
    let Some(next) = next_move(tables, claim) else {
        return answered(tables, claim);
    };
    if let Some(entry) = tables.entry(claim) {
        entry.entry.status = LogStatus::Completed;
        let entry = entry.entry.clone();
        if let Some(row) = tables.rows.get_mut(&claim.op_id) {
            row.note(&entry);
        }
    }
    tables.carry_out(claim.op_id, next, now)
}

/// Log and finalize in one.
pub(super) fn settle(tables: &mut Tables, ended: EndedAttempt, now: Timestamp) -> Finalized {
    let claim = ended.claim;
    match log(tables, ended, now) {
        Logged::Logged => finalize(tables, claim, now),
        Logged::Stale => Finalized::Stale,
    }
}

/// What the hook is to be given: `None` unless finalizing this claim makes the operation
/// terminal.
pub(super) fn due_for_hook(tables: &mut Tables, claim: Claim) -> Option<(FinalOutcome, Envelope)> {
    match next_move(tables, claim)? {
        Move::Finish(outcome) => Some((outcome, tables.rows[&claim.op_id].envelope())),
        Move::Wait { .. } | Move::Doubt { .. } | Move::Park => None,
    }
}

/// Puts off the next try, unless somebody else has finalized meanwhile.
pub(super) fn hook_failed(
    tables: &mut Tables,
    claim: Claim,
    error: &HookError,
    now: Timestamp,
) -> Finalized {
    match tables.entry(claim).filter(|e| e.entry.status == LogStatus::Pending) {
        Some(entry) => {
            let reason = storable(&error.to_string());
            entry.failures = entry.failures.saturating_add(1);
            entry.due_at = now.plus(entry.backoff());
            entry.entry.hook_error = Some(reason.clone());
            Finalized::HookFailed { reason, due_at: entry.due_at }
        }
        None => answered(tables, claim),
    }
}

/// The move that a PENDING entry under a claim that stands asks for. The delay counts from the
/// attempt's end, however late the entry is finalized.
fn next_move(tables: &mut Tables, claim: Claim) -> Option<Move> {
    let entry = tables.entry(claim).filter(|e| e.entry.status == LogStatus::Pending)?.clone();
    let row = tables.rows.get(&claim.op_id)?;
    Some(after_attempt(&entry.entry.end, &row.facts(), entry.delay, entry.entry.logged_at))
}

fn answered(tables: &mut Tables, claim: Claim) -> Finalized {
    match tables.entry(claim) {
        Some(_) => tables.rows[&claim.op_id].standing(),
        None => Finalized::Stale,
    }
}

impl Tables {
    /// One more entry in the log of an operation.
    pub(super) fn append(&mut self, claim: Claim, entry: Entry) {
        self.log.entry(claim.op_id).or_default().push(entry);
    }
}

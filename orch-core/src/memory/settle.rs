use super::tables::{CORRUPT_LOG, Tables};
use crate::machine::{Answer, Fact, Finalized, Step};
use crate::store::{Claim, EndedAttempt, Logged};
use crate::words::{Envelope, FinalOutcome, Timestamp};

/// Appends an end as PENDING and ends the lease.
pub(super) fn log(tables: &mut Tables, ended: &EndedAttempt, now: Timestamp) -> Logged {
    let step = tables.step(ended.claim, |logged| Fact::Logged(ended.under(logged)), now);
    match tables.save(step, now) {
        Answer::Logged => Logged::Logged,
        _ => Logged::Stale,
    }
}

/// Log and finalize in one.
pub(super) fn settle(tables: &mut Tables, ended: &EndedAttempt, now: Timestamp) -> Finalized {
    let step = tables.step(ended.claim, |logged| Fact::Settled(ended.under(logged)), now);
    tables.save(step, now).finalized()
}

/// Moves the operation as its PENDING entry says.
pub(super) fn finalize(
    tables: &mut Tables,
    claim: Claim,
    has_hook: bool,
    now: Timestamp,
) -> Finalized {
    let fence = claim.fence;
    if tables.rows.get(&claim.op_id).is_some_and(|it| it.corrupt_log && it.row.is_under(fence)) {
        let parked = tables.apply(claim.op_id, Fact::Undecodable { reason: CORRUPT_LOG }, now);
        return parked.finalized();
    }
    let step = finalized(tables, claim, has_hook, now);
    tables.save(step, now).finalized()
}

/// What the hook is to be given: `None` unless finalizing this claim makes the operation
/// terminal.
pub(super) fn due_for_hook(
    tables: &Tables,
    claim: Claim,
    now: Timestamp,
) -> Option<(FinalOutcome, Envelope)> {
    let step = finalized(tables, claim, true, now)?;
    let stored = &tables.rows[&claim.op_id];
    let outcome = step.finishes(&stored.row)?.clone();
    Some((outcome, stored.row.envelope(stored.request.clone())))
}

/// Puts off the next try, unless another worker has finalized meanwhile.
pub(super) fn hook_failed(
    tables: &mut Tables,
    claim: Claim,
    error: &str,
    now: Timestamp,
) -> Finalized {
    let jitter = fastrand::f64();
    let fence = claim.fence;
    let fact = |logged| Fact::HookFailed { fence, logged, error, jitter };
    let step = tables.step(claim, fact, now);
    tables.save(step, now).finalized()
}

fn finalized(tables: &Tables, claim: Claim, has_hook: bool, now: Timestamp) -> Option<Step> {
    let fence = claim.fence;
    tables.step(claim, |logged| Fact::Finalized { fence, logged, has_hook }, now)
}

use super::tables::{Stored, Tables};
use crate::machine::{Answer, Fact, Request, Row, step};
use crate::store::{Claim, RedriveParams, Redriven, ResolveParams, Resolved, StoreError};
use crate::words::{OpId, Timestamp};

/// Carries out an operator's decision about a parked operation.
pub(super) fn resolve(
    tables: &mut Tables,
    params: &ResolveParams,
    now: Timestamp,
) -> Result<Resolved, StoreError> {
    let Some(stored) = tables.owned(&params.owner, params.op_id) else {
        return Ok(Resolved::NotFound);
    };
    stored.decode()?;
    if let (true, Some(refused)) = (stored.corrupt_log, params.refused_without_log()) {
        return Ok(refused);
    }
    let note = params.note();
    let whole_since = tables.whole_since();
    let ResolveParams { op_id, resolution, hooked_kinds, .. } = params;
    let (note, fence) = (&*note, stored.row.fence);
    let claim = Claim { op_id: *op_id, fence };
    let fact =
        |logged| Fact::Resolved { fence, logged, resolution, note, hooked_kinds, whole_since };
    let step = tables.step(claim, fact, now);
    Ok(Resolved::from(tables.save(step, now)))
}

/// Makes a new operation of a failed one.
pub(super) fn redrive(
    tables: &mut Tables,
    params: &RedriveParams,
    now: Timestamp,
) -> Result<Redriven, StoreError> {
    let Some(stored) = tables.owned(&params.owner, params.op_id) else {
        return Ok(Redriven::NotFound);
    };
    stored.decode()?;
    let op_id = params.new_op_id;
    let redriven_as = tables.dead_letters.get(&params.op_id).and_then(|letter| letter.redriven_as);
    if let Some(there) = redriven_as {
        return Ok(params.redriven_before(there));
    }
    let fact = Fact::Redriven {
        even_if_uncertain: params.even_if_uncertain,
        late_success: has_late_success(tables, params.op_id),
    };
    match step(&stored.row, fact, now).answer {
        Answer::Redriven if tables.rows.contains_key(&op_id) => {
            Err(StoreError::fatal(format!("operation {op_id} is there already")))
        }
        Answer::Redriven => {
            if let Some(by) = taken_by(tables, stored) {
                return Ok(Redriven::Taken { by });
            }
            let new = again(tables, stored, op_id, now);
            tables.insert(new);
            if let Some(letter) = tables.dead_letters.get_mut(&params.op_id) {
                letter.redriven_as = Some(op_id);
            }
            Ok(Redriven::Created { op_id })
        }
        refused => Ok(Redriven::refused(&refused).unwrap_or(Redriven::NotFound)),
    }
}

/// The operation for the same biz key that has not FAILED, where either is to be the only one for it.
fn taken_by(tables: &Tables, failed: &Stored) -> Option<OpId> {
    let mut there = tables.not_failed(&failed.request.identity);
    there.find(|op_id| failed.unique || tables.rows[op_id].unique)
}

/// The same request as a new operation.
fn again(tables: &Tables, failed: &Stored, op_id: OpId, now: Timestamp) -> Stored {
    let Row { policy, time_budget, .. } = &failed.row;
    let redrive_of = Some(failed.row.op_id);
    Stored {
        request: Request {
            accepted_at: now,
            redrive_of,
            redrive: free_number(tables, failed),
            ..failed.request.clone()
        },
        fingerprint: failed.fingerprint,
        row: Row {
            incarnation: tables.confirmed(),
            ..Row::accepted(op_id, policy.kind.clone(), *time_budget, now)
        },
        corrupt: false,
        corrupt_log: false,
        unique: failed.unique,
    }
}

/// True if a worker that had lost its lease answered that the provider has acted after all.
fn has_late_success(tables: &Tables, op_id: OpId) -> bool {
    let mut log = tables.log.get(&op_id).into_iter().flatten().map(|entry| &entry.log);
    log.any(|log| log.late && log.end.says_acted())
}

/// The next number that no operation of this identity has. A purge may have left gaps below
/// numbers that are still taken.
fn free_number(tables: &Tables, failed: &Stored) -> u32 {
    let mut number = failed.request.redrive.saturating_add(1);
    while tables.identities.contains_key(&(failed.request.identity.clone(), number)) {
        number = number.saturating_add(1);
    }
    number
}

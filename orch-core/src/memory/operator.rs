use std::time::Duration;

use super::sweep::{conclude, entry};
use super::tables::{Entry, Row, Tables};
use crate::policies::Move;
use crate::store::{
    Claim, Finalized, RedriveParams, Redriven, Resolution, ResolveParams, Resolved, StoreError,
};
use crate::words::{
    AttemptEnd, FinalOutcome, OpId, Outcome, Owner, Phase, Source, Timestamp, storable,
};

/// Carries out a person's decision about a parked operation.
pub(super) fn resolve(
    tables: &mut Tables,
    params: ResolveParams,
    now: Timestamp,
) -> Result<Resolved, StoreError> {
    let Some(row) = owned(tables, &params.owner, params.op_id) else {
        return Ok(Resolved::NotFound);
    };
    let operation = row.decode()?;
    if operation.phase != Some(Phase::Parked) {
        let (status, phase) = (operation.status, operation.phase);
        return Ok(Resolved::NotParked { status, phase });
    }
    let note = storable(&format!("{}: {}", params.who, params.why));
    let outcome = match params.resolution {
        Resolution::Ok(output) => Outcome::Ok { output },
        Resolution::Fail(failure) => Outcome::Fail(failure),
        Resolution::RunAgain => {
            let to = run_again(tables, params.op_id, note, now);
            return Ok(Resolved::Resolved(Some(to)));
        }
    };
    let end = AttemptEnd::Outcome(outcome);
    let to = conclude(tables, params.op_id, Source::Operator, end, Some(note), now);
    Ok(Resolved::Resolved(to))
}

/// Due at once, with a fresh time budget; a person has answered for the doubt.
fn run_again(tables: &mut Tables, op_id: OpId, note: String, now: Timestamp) -> Finalized {
    let Some(row) = tables.rows.get_mut(&op_id) else {
        return Finalized::Stale;
    };
    row.operation.fence = row.operation.fence.next();
    row.operation.deadline = now.plus(row.time_budget);
    row.reconciles = 0;
    let claim = Claim { op_id, fence: row.operation.fence };
    let mut said = entry(&row.operation, Source::Operator, AttemptEnd::NotHappened, now);
    said.note = Some(note);
    row.note(&said);
    row.operation.reason = said.note.clone();
    tables.append(claim, Entry::new(said, Duration::ZERO));
    tables.carry_out(op_id, Move::Wait { not_before: now }, now)
}

/// Makes a new operation of a failed one.
pub(super) fn redrive(
    tables: &mut Tables,
    params: &RedriveParams,
    now: Timestamp,
) -> Result<Redriven, StoreError> {
    let Some(row) = owned(tables, &params.owner, params.op_id) else {
        return Ok(Redriven::NotFound);
    };
    let operation = row.decode()?;
    let Some(FinalOutcome::Failed(failure)) = operation.outcome else {
        return Ok(Redriven::NotFailed { status: operation.status });
    };
    let op_id = params.new_op_id;
    let redriven_as = tables.dead_letters.get(&params.op_id).and_then(|letter| letter.redriven_as);
    match redriven_as {
        Some(there) if there == op_id => return Ok(Redriven::Created { op_id }),
        Some(op_id) => return Ok(Redriven::AlreadyRedriven { op_id }),
        None if !params.even_if_uncertain
            && (failure.uncertain || has_late_success(tables, params.op_id)) =>
        {
            return Ok(Redriven::Uncertain);
        }
        None if tables.rows.contains_key(&op_id) => {
            return Err(StoreError::fatal(format!("operation {op_id} is there already")));
        }
        None => {}
    }
    let new = row.anew(op_id, free_number(tables, row), now);
    tables.insert(new);
    if let Some(letter) = tables.dead_letters.get_mut(&params.op_id) {
        letter.redriven_as = Some(op_id);
    }
    Ok(Redriven::Created { op_id })
}

/// True if a worker that had lost its lease answered that the provider has acted after all.
fn has_late_success(tables: &Tables, op_id: OpId) -> bool {
    let paid =
        |e: &Entry| e.entry.late && matches!(e.entry.end, AttemptEnd::Outcome(Outcome::Ok { .. }));
    tables.log.get(&op_id).is_some_and(|log| log.iter().any(paid))
}

/// The next number that no operation of this identity has. A purge may have left gaps below
/// numbers that are still taken.
fn free_number(tables: &Tables, row: &Row) -> u32 {
    let mut number = row.redrive_number.saturating_add(1);
    while tables.identities.contains_key(&(row.operation.identity.clone(), number)) {
        number = number.saturating_add(1);
    }
    number
}

/// The row, if it is this owner's.
pub(super) fn owned<'a>(tables: &'a Tables, owner: &Owner, op_id: OpId) -> Option<&'a Row> {
    tables.rows.get(&op_id).filter(|row| row.operation.identity.owner == *owner)
}

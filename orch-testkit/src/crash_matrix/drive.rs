//! Bringing an operation to its end without waiting: the clock of the store is moved to the next
//! instant at which something is due.

use std::time::{Duration, Instant};

use orch_core::policies::FINALIZER_HEAD_START;
use orch_core::store::{Claim, Clock, ManualClock, monotonic};
use orch_core::words::{OpId, Operation, Phase, Timestamp};

use super::process::Process;

/// Without any change for so long (of real time) an operation is stuck.
const PATIENCE: Duration = Duration::from_secs(30);
/// Passes of the Finalizer after which one has certainly begun behind a move of the clock, or
/// behind the first look: the worker that has logged an end finalizes it by itself.
const WHOLE_PASSES: u64 = 2;

/// How driving an operation went.
pub(super) enum Driven {
    /// It is terminal, or parked.
    Ended(Operation),
    /// The process died first.
    Died,
    /// It is left to a process that has what this one lacks.
    Left,
    /// Nothing has moved it for [`PATIENCE`].
    Stuck(Option<Operation>),
}

/// Drives an operation in this process to its end, where `patience` is the longest that one
/// attempt of its handler may take. `may_leave` says that a process of another release comes after this
/// one: then what this one lacks a part for is left to it at once.
pub(super) async fn drive(
    process: &Process,
    clock: &ManualClock,
    op_id: OpId,
    patience: Duration,
    may_leave: bool,
) -> Driven {
    let mut moves = process.gate.moves();
    let mut last: (Option<Operation>, Instant) = (None, monotonic::now());
    let (mut finalizer_due, mut finalizer_had_time) = (None, false);
    loop {
        moves.mark_unchanged();
        let no_claims = process.gate.no_claims().await;
        let orchestrator = process.orchestrator.clone();
        let looked = process.run(async move { orchestrator.get(op_id).await }).await;
        let operation = match looked {
            None => return Driven::Died,
            Some(looked) => looked.expect("the store answers").expect("it was accepted"),
        };
        if operation.status.is_terminal() || operation.phase == Some(Phase::Parked) {
            return Driven::Ended(operation);
        }
        if may_leave && process.gate.has_left() && operation.lease_expires_at.is_none() {
            return Driven::Left;
        }
        match next(&operation, process, clock.now()) {
            Next::At(instant) => clock.advance(instant.since(clock.now())),
            Next::Finalizer => {
                let passes = process.gate.finalizer_passes();
                if passes >= *finalizer_due.get_or_insert(passes + WHOLE_PASSES) {
                    // The Finalizer passes over an end whose hook this process does not have.
                    if may_leave && finalizer_had_time {
                        return Driven::Left;
                    }
                    finalizer_had_time = true;
                    clock.advance(FINALIZER_HEAD_START);
                    finalizer_due = Some(passes + WHOLE_PASSES);
                }
            }
            Next::Process => {}
        }
        drop(no_claims);
        if last.0.as_ref() != Some(&operation) {
            last = (Some(operation), monotonic::now());
        } else if last.1.elapsed() > PATIENCE + patience {
            return Driven::Stuck(last.0);
        }
        tokio::select! {
            () = process.gate.died() => return Driven::Died,
            _ = monotonic::timeout(PATIENCE, moves.changed()) => {}
        }
    }
}

/// What moves an operation on.
enum Next {
    /// The clock, at this instant.
    At(Timestamp),
    /// The Finalizer, some time after the end was logged, and later after each failure.
    Finalizer,
    /// This process, by itself.
    Process,
}

/// A lease that the process does not hold is a dead one's: it has to run out.
fn next(operation: &Operation, process: &Process, now: Timestamp) -> Next {
    let claim = Claim { op_id: operation.op_id, fence: operation.fence };
    match (operation.lease_expires_at, operation.due_at) {
        (Some(_), _) if process.gate.holds(claim) => Next::Process,
        (Some(expires_at), _) => Next::At(expires_at),
        (None, Some(due_at)) if due_at > now => Next::At(due_at),
        (None, Some(_)) => Next::Process,
        (None, None) => Next::Finalizer,
    }
}

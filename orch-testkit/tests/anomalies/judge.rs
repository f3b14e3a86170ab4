//! What has to hold in the end, whatever has failed.

use std::collections::BTreeSet;

use orch_core::policies::InDoubt;
use orch_core::store::Store;
use orch_core::words::{
    AttemptEnd, Failure, FinalOutcome, LogEntry, LogStatus, OpId, Operation, Outcome, Owner,
    Source, Status,
};
use orch_testkit::{Reply, ScriptedProvider};

use crate::common::Backend;
use crate::databases::Database;
use crate::life::Life;
use crate::process::Told;

/// All that is wrong.
pub async fn judge(
    life: &Life,
    database: &Database,
    provider: &ScriptedProvider,
    told: Told,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let store = &*database.store;
    let (operation, log) = read(store, told.op_id).await;
    wrong.extend(log_is_right(&operation, &log));
    wrong.extend(ran_in_doubt(life, &log));
    let marks = database.marks(told.op_id).await;
    let once = if database.backend == Backend::Memory { marks >= 1 } else { marks == 1 };
    if if life.hooked { !once } else { marks != 0 } {
        wrong.push(format!("the hook was committed {marks} times"));
    }
    let failed_first = life.redriven.then_some("DECLINED");
    wrong.extend(ended_as(&operation, life.fails.or(failed_first)));
    if store.dead_letter(&Owner::default(), told.op_id).await.unwrap().is_some()
        != (operation.status == Status::Failed)
    {
        wrong.push("a dead letter if and only if it FAILED".to_owned());
    }
    let mut allowed = allowed_calls(&operation);
    if life.redriven {
        let Some(anew) = told.redriven_as else { return vec!["not redriven".to_owned()] };
        let (operation, log) = read(store, anew).await;
        wrong.extend(log_is_right(&operation, &log));
        wrong.extend(ended_as(&operation, None));
        allowed += allowed_calls(&operation);
    }
    let calls = provider.calls();
    if calls.len() > allowed {
        wrong.push(format!("{} calls where {allowed} are allowed", calls.len()));
    }
    let keys: BTreeSet<_> = calls.iter().map(|call| call.key.as_str()).collect();
    if keys.len() > 1 + usize::from(life.redriven) {
        wrong.push(format!("{} provider keys", keys.len()));
    }
    let charged = usize::from(life.fails.is_none());
    if provider.charged() != charged {
        wrong.push(format!("{} charges instead of {charged}", provider.charged()));
    }
    if let Some(FinalOutcome::Ok(output)) = &operation.outcome {
        let given = keys.iter().any(|key| match provider.happened(key) {
            Some(Reply::Charged { receipt }) => output.decode::<u64>() == Ok(receipt),
            _ => false,
        });
        if !given {
            wrong.push("a success that the provider did not give".to_owned());
        }
    }
    wrong
}

async fn read(store: &dyn Store, op_id: OpId) -> (Operation, Vec<LogEntry>) {
    let owner = Owner::default();
    let operation = store.get(&owner, op_id).await.unwrap().expect("it was accepted");
    (operation, store.history(&owner, op_id).await.unwrap())
}

fn ended_as(operation: &Operation, fails: Option<&str>) -> Option<String> {
    let right = match (&operation.outcome, fails) {
        (Some(FinalOutcome::Ok(_)), None) => true,
        (Some(FinalOutcome::Failed(Failure { code, uncertain, .. })), Some(fails)) => {
            // Only an attempt that was lost leaves doubt behind.
            code == fails && (!uncertain || operation.lost_attempts > 0)
        }
        _ => false,
    };
    let whole = operation.lease_expires_at.is_none() && operation.due_at.is_none();
    (!right || !whole).then(|| format!("ended otherwise than as {fails:?}: {operation:?}"))
}

fn log_is_right(operation: &Operation, log: &[LogEntry]) -> Vec<String> {
    let mut wrong = Vec::new();
    let effective: Vec<_> = log.iter().filter(|entry| !entry.late).collect();
    let fences: BTreeSet<_> = effective.iter().map(|entry| entry.fence).collect();
    if fences.len() < effective.len() {
        wrong.push(format!("two entries under one fence: {log:?}"));
    }
    if log.iter().any(|entry| entry.fence > operation.fence) {
        wrong.push(format!("an entry beyond the fence: {log:?}"));
    }
    if effective.iter().any(|entry| entry.status != LogStatus::Completed) {
        wrong.push(format!("an entry that is not finalized: {log:?}"));
    }
    let retried =
        |entry: &&&LogEntry| matches!(entry.end, AttemptEnd::Outcome(Outcome::Retry { .. }));
    let retries = effective.iter().filter(retried).count();
    if retries != usize::try_from(operation.retries).unwrap() {
        wrong.push(format!("{retries} retries are logged, {} counted", operation.retries));
    }
    wrong
}

/// Doubt is followed by another run only where the handler declares so.
fn ran_in_doubt(life: &Life, log: &[LogEntry]) -> Option<String> {
    let mut doubt = false;
    for entry in log.iter().filter(|entry| !entry.late) {
        let in_doubt = matches!(entry.end, AttemptEnd::InDoubt { .. });
        let run = entry.source == Source::Handler || entry.source == Source::Engine && in_doubt;
        if doubt && run && life.in_doubt != InDoubt::Retry {
            return Some(format!("it ran again while nobody knew: {log:?}"));
        }
        doubt = match entry.end {
            AttemptEnd::InDoubt { .. } => true,
            AttemptEnd::NotHappened | AttemptEnd::Outcome(Outcome::Ok { .. }) => false,
            _ => doubt,
        };
    }
    None
}

fn allowed_calls(operation: &Operation) -> usize {
    usize::try_from(1 + operation.retries + operation.lost_attempts).unwrap()
}

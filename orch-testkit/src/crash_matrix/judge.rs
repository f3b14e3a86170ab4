//! What may not be, whatever was killed.

use std::collections::{HashMap, HashSet};

use orch_core::handler::Descriptor;
use orch_core::policies::{Effect, InDoubt};
use orch_core::words::{FinalOutcome, Phase, Status};

use super::{Boundary, Cell, Telling};

/// What is wrong in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CellFault {
    /// Where the process was killed; `None` if none was.
    pub boundary: Option<Boundary>,
    /// How many processes died there, one after the other.
    pub deaths: usize,
    /// How the provider told of it by itself; `None` if it did not.
    pub told: Option<Telling>,
    /// What went wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

const NO_CALL: &str = "give `.against(…)` the fake that the handler calls, whose `keys()` grow \
                       with each call, and `crash_matrix` a command that leads to a call";
const NO_REPETITION: &str = "map errors after which the provider may have acted to `in_doubt`, and \
                             let `reconcile` say `NotHappened` only of what is not in its books";
const ONE_KEY: &str = "send `ctx.provider_key()` with every call";
const ONE_REFERENCE: &str = "send the reference that is in the command, the same in every attempt";
const OURS: &str = "this is a defect of orch: please report it";

/// Every fault, cell by cell.
pub(super) fn judge(
    handler: &Descriptor,
    cells: &[Cell],
    reference_in_command: bool,
) -> Vec<CellFault> {
    let mut faults = Vec::new();
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for (number, cell) in cells.iter().enumerate() {
        let mut found: Vec<(String, &str)> = Vec::new();
        found.extend(not_reached(cell));
        found.extend(doubled(cell));
        found.extend(too_many_effects(handler, cell));
        found.extend(if reference_in_command { references(cell) } else { keys(handler, cell) });
        for key in cell.keys.iter().filter(|key| !key.is_empty()) {
            let owner = *owners.entry(key).or_insert(number);
            // The same command has the same reference.
            if owner != number && handler.effect == Effect::Keyed && !reference_in_command {
                found.push(shared(key));
                break;
            }
        }
        found.extend(end(handler, cell));
        found.extend(lost(cell));
        faults.extend(found.into_iter().map(|(what, remedy)| CellFault {
            boundary: cell.boundary,
            deaths: cell.deaths,
            told: cell.told,
            what,
            remedy: remedy.to_owned(),
        }));
    }
    faults
}

type Found = Option<(String, &'static str)>;

fn not_reached(cell: &Cell) -> Found {
    let boundary = cell.boundary.filter(|_| !cell.killed)?;
    let what = format!("the operation ended before the process could be killed at `{boundary}`");
    let remedy = match boundary {
        Boundary::Sent => NO_CALL,
        Boundary::Hook | Boundary::Finalizing => {
            "let the provider's script lead to a definite answer: a hook runs with the end of an \
             operation only"
        }
        _ => "this is a defect of orch: please report it",
    };
    Some((what, remedy))
}

fn doubled(cell: &Cell) -> Found {
    let first = cell.doubled?;
    let what = format!("the repeated request became another operation than {first}");
    Some((what, "this is a defect of orch: please report it"))
}

fn too_many_effects(handler: &Descriptor, cell: &Cell) -> Found {
    if cell.effects <= 1 {
        return None;
    }
    let why = if distinct(&cell.keys) > 1 {
        "each call had a different key, so it could not see that they were one"
    } else if cell.keys.iter().any(String::is_empty) {
        "the calls had no key"
    } else {
        "all calls had one key, and it acted on each: it does not honour keys"
    };
    let honours = distinct(&cell.keys) == 1 && !cell.keys.iter().any(String::is_empty);
    let remedy = if handler.effect == Effect::Unsafe {
        NO_REPETITION
    } else if honours {
        "declare `effect = \"unsafe\"` with a `reconcile`, or with `in_doubt = \"park\"`"
    } else {
        ONE_KEY
    };
    Some((format!("the provider acted {} times; {why}", cell.effects), remedy))
}

fn keys(handler: &Descriptor, cell: &Cell) -> Found {
    if handler.effect != Effect::Keyed || cell.keys.is_empty() {
        return None;
    }
    if cell.keys.iter().any(String::is_empty) {
        let what = "a call had no key, and the handler's effect is `keyed`".to_owned();
        return Some((what, ONE_KEY));
    }
    // A definite error may be remembered under its key: the next attempt gets another one then.
    let allowed = 1 + cell.operation.retries as usize;
    if distinct(&cell.keys) <= allowed {
        return None;
    }
    let what = format!(
        "{} calls of one operation had {} keys; a call that was lost and its repetition need one",
        cell.keys.len(),
        distinct(&cell.keys)
    );
    Some((what, ONE_KEY))
}

/// Where the reference is in the command, it stays the same whatever was answered.
fn references(cell: &Cell) -> Found {
    let known: Vec<String> = cell.keys.iter().filter(|key| !key.is_empty()).cloned().collect();
    if distinct(&known) <= 1 {
        return None;
    }
    let calls = known.len();
    let what = format!("{calls} calls of one operation had {} references", distinct(&known));
    Some((what, ONE_REFERENCE))
}

/// What the provider told is kept, and counts.
fn lost(cell: &Cell) -> Found {
    let telling = cell.told.filter(|_| cell.told_happened)?;
    if !cell.in_history {
        let what =
            "the provider told that the call had happened, and the history has nothing of it";
        return Some((what.to_owned(), OURS));
    }
    let completed = cell.operation.status == Status::Completed;
    if telling == Telling::AtOnce && !completed {
        let what = "the provider told at once that the call had happened, and the operation is not \
                    COMPLETED";
        return Some((what.to_owned(), OURS));
    }
    None
}

fn shared(key: &str) -> (String, &'static str) {
    let what = format!(
        "the key {key:?} was used for another operation as well, with the same command; the \
         provider takes two requests for one then"
    );
    let remedy = "send `ctx.provider_key()`, not a key made of the command; where the command has the \
                  provider's own reference, say so: `.contract::<P>()` with a contract whose \
                  `KEY_PLACE` is `Command`";
    (what, remedy)
}

fn end(handler: &Descriptor, cell: &Cell) -> Found {
    let operation = &cell.operation;
    if !cell.ended {
        let phase = operation.phase.map_or("", Phase::as_str);
        let what = format!("no end: {} {phase}, {}", operation.status, reason(cell));
        return Some((what, "a hook that fails each time? A handler that never returns?"));
    }
    let acts = matches!(handler.effect, Effect::Keyed | Effect::Unsafe);
    match &operation.outcome {
        Some(FinalOutcome::Ok(_)) if acts && cell.keys.is_empty() => {
            let what = "COMPLETED, but no call is in the provider's books".to_owned();
            Some((what, NO_CALL))
        }
        Some(FinalOutcome::Ok(_)) if acts && cell.effects == 0 => {
            let what = "COMPLETED, but the provider has not acted".to_owned();
            Some((what, "does `reconcile` say `Happened` only for what is in its books?"))
        }
        Some(FinalOutcome::Failed(failure)) if !failure.uncertain && cell.effects > 0 => {
            let what = format!("FAILED for certain ({}), but the provider has acted", failure.code);
            Some((what, "map errors after which the provider may have acted to `in_doubt`"))
        }
        None if !parked_as_declared(handler, cell) => {
            let what = format!("parked, though nothing declares that: {}", reason(cell));
            Some((what, "see the reason; a payload that its own handler cannot read is parked"))
        }
        _ => None,
    }
}

fn parked_as_declared(handler: &Descriptor, cell: &Cell) -> bool {
    debug_assert_eq!(cell.operation.status, Status::InProgress);
    let declared = matches!(handler.in_doubt, InDoubt::Park | InDoubt::Reconcile);
    declared && cell.operation.lost_attempts > 0
}

fn reason(cell: &Cell) -> &str {
    cell.operation.reason.as_deref().unwrap_or("no reason is given")
}

fn distinct(keys: &[String]) -> usize {
    keys.iter().collect::<HashSet<_>>().len()
}

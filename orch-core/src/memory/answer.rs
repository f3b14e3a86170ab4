use super::tables::Tables;
use crate::machine::{Answer, Fact};
use crate::store::{
    ANSWER_RETENTION, AnswerParams, Claim, KeptAnswer, MAX_ANSWERS, MAX_UNMATCHED, RecordParams,
    RecordedAnswer, Swept, Unmatched, UnmatchedParams,
};
use crate::words::{OpId, Reference, Timestamp};

/// A kept answer with what becomes of it.
pub(super) struct Told {
    answer: KeptAnswer,
    /// When to look at it; `None` once it is applied.
    due_at: Option<Timestamp>,
}

/// Keeps which operation a reference is about.
pub(super) fn refer(tables: &mut Tables, of: Reference, op_id: OpId, now: Timestamp) {
    if !tables.rows.contains_key(&op_id) {
        return;
    }
    for told in tables.told.values_mut().filter(|told| told.answer.of == of) {
        // It came before its reference, so it has waited.
        told.answer.has_waited |= told.due_at.is_some();
        told.due_at = told.due_at.map(|due_at| due_at.min(now));
    }
    tables.references.insert(of, op_id);
}

/// Keeps an answer, once.
pub(super) fn record(tables: &mut Tables, params: RecordParams, now: Timestamp) -> RecordedAnswer {
    let digest = params.digest();
    let RecordParams { of, kind, end, source } = params;
    if let Some(number) = known(tables, &of, digest) {
        return again(tables, number, now);
    }
    let about = || tables.told.values().filter(|told| told.answer.of == of);
    let waiting = || tables.told.values().filter(|told| told.due_at.is_some()).count();
    let matched = tables.references.contains_key(&of);
    if about().count() >= MAX_ANSWERS || !matched && waiting() >= MAX_UNMATCHED {
        return RecordedAnswer::Full;
    }
    let number = tables.told.last_key_value().map_or(1, |(last, _)| last + 1);
    let answer = KeptAnswer { of, kind, end, source, digest, received_at: now, has_waited: false };
    tables.told.insert(number, Told { answer, due_at: Some(now) });
    RecordedAnswer::Kept
}

fn known(tables: &Tables, of: &Reference, digest: [u8; 16]) -> Option<u64> {
    let same = |told: &Told| told.answer.of == *of && told.answer.digest == digest;
    tables.told.iter().find(|(_, told)| same(told)).map(|(number, _)| *number)
}

/// That something has not happened may be said again, about a later call.
fn again(tables: &mut Tables, number: u64, now: Timestamp) -> RecordedAnswer {
    match tables.told.get_mut(&number) {
        Some(told) if told.due_at.is_none() && !told.answer.has_acted() => {
            told.answer.received_at = now;
            told.answer.has_waited = false;
            told.due_at = Some(now);
            RecordedAnswer::Kept
        }
        _ => RecordedAnswer::Known,
    }
}

/// Applies the answers about one reference, or those that are due.
pub(super) fn answer(tables: &mut Tables, params: &AnswerParams, now: Timestamp) -> Vec<Swept> {
    let asked = |told: &Told| match (&params.of, told.due_at) {
        (_, None) => None,
        // In the order in which they came.
        (Some(of), Some(_)) => (told.answer.of == *of).then_some(Timestamp::from_micros(0)),
        (None, Some(due_at)) => (due_at <= now).then_some(due_at),
    };
    let mut due: Vec<_> =
        tables.told.iter().filter_map(|(number, told)| Some((asked(told)?, *number))).collect();
    due.sort_unstable();
    due.into_iter().take(params.limit).filter_map(|(_, n)| apply(tables, n, params, now)).collect()
}

fn apply(tables: &mut Tables, number: u64, params: &AnswerParams, now: Timestamp) -> Option<Swept> {
    let answer = tables.told.get(&number)?.answer.clone();
    let op_id = matching(tables, &answer);
    let told = op_id.and_then(|op_id| tell(tables, op_id, &answer, params, now));
    let (due_at, swept) = answer.follow(op_id, told, now);
    if let Some(told) = tables.told.get_mut(&number) {
        told.answer.has_waited |= due_at.is_some();
        told.due_at = due_at;
    }
    swept
}

/// The operation that an answer is about, if it is of the kind that it is meant for.
fn matching(tables: &Tables, answer: &KeptAnswer) -> Option<OpId> {
    let op_id = *tables.references.get(&answer.of)?;
    let stored = tables.rows.get(&op_id)?;
    (stored.row.policy.kind == answer.kind).then_some(op_id)
}

/// `None` if the operation cannot be decoded: the answer waits.
fn tell(
    tables: &mut Tables,
    op_id: OpId,
    answer: &KeptAnswer,
    params: &AnswerParams,
    now: Timestamp,
) -> Option<Answer> {
    let stored = tables.rows.get(&op_id)?;
    if stored.corrupt || stored.corrupt_log {
        return None;
    }
    let fence = stored.row.fence;
    let message = answer.message(&params.hooked_kinds, tables.whole_since());
    let fact = |logged| Fact::Answered { message: &message, logged };
    let step = tables.step(Claim { op_id, fence }, fact, now);
    Some(tables.save(step, now))
}

/// The answers that wait for an operation.
pub(super) fn unmatched(tables: &Tables, params: UnmatchedParams) -> Vec<Unmatched> {
    let behind = tables.told.range(params.after.map_or(0, |after| after.saturating_add(1))..);
    let waits = behind
        .filter(|(_, told)| told.due_at.is_some() && matching(tables, &told.answer).is_none());
    let item = |(number, told): (&u64, &Told)| {
        let KeptAnswer { of, kind, source, received_at, .. } = told.answer.clone();
        Unmatched { number: *number, of, kind, source, received_at }
    };
    waits.map(item).take(params.limit).collect()
}

/// Removes answers that have been kept for long enough, and references to operations that are gone.
pub(super) fn purge(tables: &mut Tables, now: Timestamp) {
    tables.told.retain(|_, told| told.answer.received_at.plus(ANSWER_RETENTION) > now);
    let Tables { references, rows, .. } = tables;
    references.retain(|_, op_id| rows.contains_key(op_id));
}

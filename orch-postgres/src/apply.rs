use std::collections::HashMap;

use orch_core::machine::{Answer, Entry, Fact, step};
use orch_core::store::{Claim, StoreError};

use crate::db::Db;
use crate::load::load;
use crate::save::{Decided, save};

/// How often operations are read again because another session moved them meanwhile.
const READS: u32 = 3;

/// Applies a fact about each claim: loads the rows, calls `step`, saves, and begins again with
/// those that have changed meanwhile. A claim whose operation is not there has no answer, nor has
/// one with a finalize hook that would become terminal: it has to run in the same transaction.
///
/// # Errors
/// [`StoreError::Corrupt`] if a row cannot be decoded; [`StoreError::Transient`] if rows changed
/// each time they were read.
pub(crate) async fn apply<T: Sync>(
    db: &Db,
    items: Vec<(Claim, &T)>,
    has_hook: impl Fn(Claim) -> bool + Send,
    fact: impl for<'f> Fn(&'f T, Option<&'f Entry>) -> Fact<'f> + Send,
) -> Result<HashMap<Claim, Answer>, StoreError> {
    let applied = apply_each(db, items, has_hook, fact).await?;
    applied.into_iter().map(|(claim, answer)| Ok((claim, answer?))).collect()
}

/// [`apply`], with an error of its own for each row that cannot be decoded.
///
/// # Errors
/// [`StoreError::Transient`] if rows changed each time they were read.
pub(crate) async fn apply_each<T: Sync>(
    db: &Db,
    items: Vec<(Claim, &T)>,
    has_hook: impl Fn(Claim) -> bool + Send,
    fact: impl for<'f> Fn(&'f T, Option<&'f Entry>) -> Fact<'f> + Send,
) -> Result<HashMap<Claim, Result<Answer, StoreError>>, StoreError> {
    let mut answers = HashMap::with_capacity(items.len());
    let mut left = items;
    for _ in 0..READS {
        if left.is_empty() {
            return Ok(answers);
        }
        let claims: Vec<Claim> = left.iter().map(|(claim, _)| *claim).collect();
        let (now, mut loaded) = load(db, &claims).await?;
        let mut asked = Vec::new();
        let mut decided = Vec::new();
        for (claim, item) in left {
            let Some(stored) = loaded.remove(&claim) else { continue };
            let (before, entry) = match stored.and_then(|it| Ok((it.entry(claim)?, it.row))) {
                Ok((entry, before)) => (before, entry),
                Err(corrupt) => {
                    answers.insert(claim, Err(corrupt));
                    continue;
                }
            };
            let step = step(&before, fact(item, entry.as_ref()), now);
            if has_hook(claim) && step.finishes(&before).is_some() {
                continue;
            }
            asked.push((claim, item));
            decided.push(Decided { before, step });
        }
        let saved = save(db, &decided).await?;
        left = Vec::new();
        for (asked, decided) in asked.into_iter().zip(decided) {
            if saved.contains(&decided.before.op_id) || !decided.depends_on_row() {
                answers.insert(asked.0, Ok(decided.step.answer));
            } else {
                left.push(asked);
            }
        }
    }
    if left.is_empty() {
        return Ok(answers);
    }
    Err(StoreError::transient("the operations were moved each time they were read"))
}

/// For facts that concern no finalize hook.
pub(crate) const fn no_hook(_: Claim) -> bool {
    false
}

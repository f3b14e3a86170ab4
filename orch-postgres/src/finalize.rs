//! S3, second half: the state follows the log.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use orch_core::policies::{Move, after_attempt};
use orch_core::seams::{Finalization, FinalizeHook, Finalized, Lease, StoreError};
use orch_core::words::{Fence, LogState, OpId, Timestamp};
use sqlx::postgres::PgRow;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::db::{Db, in_pieces};
use crate::hook;
use crate::lease::columns;
use crate::moves::{Change, MOVE, encode, moved};
use crate::pool::arguments;
use crate::row::{Row, column, instant, op_id};

pub(crate) const LOAD: &str = include_str!("../queries/load.sql");

/// How often a batch is read again because somebody moved its operations meanwhile.
const READS: u32 = 3;

/// Moves operations as their logged ends say: those without a hook in one statement, each of
/// the others in a transaction with its hook, some at a time.
pub(crate) async fn finalize(
    db: &Db,
    batch: Vec<Finalization>,
) -> Result<Vec<Finalized>, StoreError> {
    in_pieces(batch, |_| 0, |batch| finalize_whole(db, batch)).await
}

async fn finalize_whole(
    db: &Db,
    batch: Arc<Vec<Finalization>>,
) -> Result<Vec<Finalized>, StoreError> {
    let hooks: HashMap<Lease, FinalizeHook> =
        batch.iter().filter_map(|item| Some((item.claim, item.hook?))).collect();
    let claims: Vec<Lease> = batch.iter().map(|item| item.claim).collect();
    let answers = finalize_claims(db, &claims, &hooks).await?;
    Ok(claims.iter().map(|claim| answers.get(claim).cloned().unwrap_or(Finalized::Stale)).collect())
}

/// What became of each claim; one that comes twice is looked at once.
pub(crate) async fn finalize_claims(
    db: &Db,
    claims: &[Lease],
    hooks: &HashMap<Lease, FinalizeHook>,
) -> Result<HashMap<Lease, Finalized>, StoreError> {
    let mut answers = HashMap::new();
    let mut left: Vec<Lease> = claims.iter().copied().collect::<HashSet<_>>().into_iter().collect();
    for _ in 0..READS {
        if left.is_empty() {
            break;
        }
        let (now, rows) = load(db, &left).await?;
        let mut changes = Vec::new();
        let mut hooked = Vec::new();
        for claim in std::mem::take(&mut left) {
            match pending(claim, rows.get(&claim))? {
                Pending::Answered(answer) => drop(answers.insert(claim, answer)),
                Pending::Move(row, next) => match (&next, hooks.get(&claim)) {
                    (Move::Finish(_), Some(hook)) => hooked.push((claim, *hook)),
                    _ => changes.push(change(*row, next, claim, now)),
                },
            }
        }
        left = apply(db, changes, now, &mut answers).await?;
        answers.extend(run_hooks(db, hooked).await?);
    }
    if left.is_empty() {
        return Ok(answers);
    }
    Err(StoreError::transient("the operations were moved each time they were read"))
}

/// What is to be done about a claim.
pub(crate) enum Pending {
    /// Nothing: this is where it stands.
    Answered(Finalized),
    /// This move.
    Move(Box<Row>, Move),
}

/// The move that the PENDING entry under a claim that stands asks for. The delay counts from
/// the attempt's end, however late the entry is finalized.
pub(crate) fn pending(
    claim: Lease,
    row: Option<&Result<Row, StoreError>>,
) -> Result<Pending, StoreError> {
    let Some(row) = row else { return Ok(Pending::Answered(Finalized::Stale)) };
    let row = row.as_ref().map_err(Clone::clone)?;
    // Never true but in a build whose mistake the chaos run has to find.
    let unguarded = cfg!(feature = "broken-finalize-fence") && !row.operation.state.is_terminal();
    let entry = row.entry.as_ref().filter(|_| unguarded || row.operation.fence == claim.fence);
    Ok(match entry {
        None => Pending::Answered(Finalized::Stale),
        Some(entry) if !unguarded && entry.state == LogState::Completed => {
            Pending::Answered(row.standing())
        }
        Some(entry) => {
            let next = after_attempt(&entry.end, &row.facts(), entry.delay, entry.logged_at);
            Pending::Move(Box::new(row.clone()), next)
        }
    })
}

/// The change that carries out a move by the entry that was read with the row.
pub(crate) fn change(
    row: Row,
    next: Move,
    claim: Lease,
    now: Timestamp,
) -> (Lease, Change, Finalized) {
    let said = row.entry.clone();
    let mut change = Change::of(row);
    if let Some(entry) = said {
        change.note(&entry.end, entry.source, now);
    }
    change.complete();
    let to = change.carry(next, now);
    (claim, change, to)
}

/// Carries the changes out; returns the claims that somebody else moved meanwhile.
async fn apply(
    db: &Db,
    changes: Vec<(Lease, Change, Finalized)>,
    now: Timestamp,
    answers: &mut HashMap<Lease, Finalized>,
) -> Result<Vec<Lease>, StoreError> {
    let mut claims = Vec::with_capacity(changes.len());
    let mut all = Vec::with_capacity(changes.len());
    for (claim, change, to) in changes {
        claims.push((claim, to));
        all.push(change);
    }
    let done = carry_out(db, &all, now).await?;
    let mut left = Vec::new();
    for (claim, to) in claims {
        if done.contains(&claim.op_id) {
            answers.insert(claim, to);
        } else {
            left.push(claim);
        }
    }
    Ok(left)
}

/// The operations that move.sql moved.
pub(crate) async fn carry_out(
    db: &Db,
    changes: &[Change],
    now: Timestamp,
) -> Result<HashSet<OpId>, StoreError> {
    if changes.is_empty() {
        return Ok(HashSet::new());
    }
    moved(&db.fetch(MOVE, encode(changes, now)).await?)
}

/// Each in a transaction of its own. Half of the connections are left for the other verbs.
async fn run_hooks(
    db: &Db,
    hooked: Vec<(Lease, FinalizeHook)>,
) -> Result<Vec<(Lease, Finalized)>, StoreError> {
    let at_once = Arc::new(Semaphore::new((db.pool.target().connections / 2).max(1)));
    let mut tasks = JoinSet::new();
    for (claim, hook) in hooked {
        let (db, at_once) = (db.clone(), Arc::clone(&at_once));
        tasks.spawn(async move {
            let _permit = at_once.acquire().await.map_err(StoreError::transient)?;
            Ok((claim, hook::finalize(&db, claim, hook).await?))
        });
    }
    let mut answers = Vec::with_capacity(tasks.len());
    while let Some(done) = tasks.join_next().await {
        answers.push(done.map_err(StoreError::transient)??);
    }
    Ok(answers)
}

/// An instant, and where operations stood at it; the inner error says what cannot be decoded.
pub(crate) type Loaded = (Timestamp, HashMap<Lease, Result<Row, StoreError>>);

/// Where the operations of these claims stand, each with its entry. What is not there is left
/// out.
pub(crate) async fn load(db: &Db, claims: &[Lease]) -> Result<Loaded, StoreError> {
    let (ids, fences) = columns(claims.iter());
    decode(&db.fetch(LOAD, arguments![db.now(), ids, fences]).await?)
}

/// The rows of load.sql and their instant.
pub(crate) fn decode(rows: &[PgRow]) -> Result<Loaded, StoreError> {
    let mut now = Timestamp::from_micros(0);
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let claim = asked(row).map_err(StoreError::fatal)?;
        now = instant(row, "now").map_err(StoreError::fatal)?.unwrap_or(now);
        let op_id = claim.op_id;
        let row = Row::decode(row).map_err(|reason| StoreError::Corrupt { op_id, reason });
        found.insert(claim, row);
    }
    Ok((now, found))
}

fn asked(row: &PgRow) -> Result<Lease, String> {
    Ok(Lease { op_id: op_id(row, "op_id")?, fence: Fence::new(column(row, "asked_fence")?) })
}

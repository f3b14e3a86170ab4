//! S2: due operations are leased to a worker.

use std::time::Instant;

use orch_core::flow::report_unconfirmed;
use orch_core::store::codec::as_millis;
use orch_core::store::{
    Claim, ClaimParams, Claimed, ClaimedOperation, Limits, Purpose, PutOff, Release, ReleaseReason,
    StoreError, monotonic,
};
use orch_core::words::{
    BizKey, Command, Domain, Envelope, EventType, Fence, IdemKey, Invalid, KeySeed, Kind, OpId,
    Owner, Payload, Timestamp,
};
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::types::Uuid;

use crate::column::{column, from_uuid, kind_of, op_id, to_int, to_seconds, to_uuid};
use crate::db::{Db, to_limit, with_limit};
use crate::pool::{arguments, each};
use crate::time::At;
use crate::{incarnation, lease};

const CLAIM: &str = include_str!("../queries/claim.sql");
const CLAIM_REFUSED: &str = include_str!("../queries/claim_refused.sql");

/// Operations that the server has refused to lease, by this process's own time: what the server's clock
/// says is not known before a claim.
#[derive(Debug)]
pub(crate) struct Unleased {
    put_off: PutOff,
    started: Instant,
}

impl Default for Unleased {
    fn default() -> Self {
        Self { put_off: PutOff::default(), started: monotonic::now() }
    }
}

impl Unleased {
    fn now(&self, db: &Db) -> Timestamp {
        let elapsed = || Timestamp::from_micros(0).plus(self.started.elapsed());
        db.clock.as_ref().map_or_else(elapsed, |clock| clock.now())
    }

    fn passed_over(&self, db: &Db) -> Vec<Uuid> {
        self.put_off.all_off(self.now(db)).into_iter().map(to_uuid).collect()
    }
}

/// Leases what is due, in the order of the kinds. Fewer at once where the server refuses the whole, so
/// that what it refuses is alone in the end: that is put off. Once something is leased its worker has to
/// be told, whatever comes after.
pub(crate) async fn claim(db: &Db, params: ClaimParams) -> Result<Vec<Claimed>, StoreError> {
    if params.kinds.is_empty() {
        return Ok(Vec::new());
    }
    let (mut claimed, mut limits) = (Vec::new(), Limits::of(params.limit));
    while let Some(limit) = limits.next() {
        let error = match lease(db, &params, limit).await {
            Ok(leased) => {
                let last = leased.len() < limit;
                claimed.extend(leased);
                if last {
                    break;
                }
                continue;
            }
            Err(error) => error,
        };
        let refused = match error.is_transient() {
            false if limits.refused(limit) => refused(db, &params, &error).await,
            false => continue,
            true => Ok(None),
        };
        match refused {
            Ok(Some(refused)) => claimed.push(refused),
            Ok(None) | Err(_) if claimed.is_empty() => return Err(error),
            Ok(None) | Err(_) => {
                tracing::warn!(error = ?error, "a part of a claim failed");
                break;
            }
        }
    }
    Ok(claimed)
}

/// The operation that the server refuses to lease; `None` if it is not about one.
async fn refused(
    db: &Db,
    params: &ClaimParams,
    error: &StoreError,
) -> Result<Option<Claimed>, StoreError> {
    let kinds = each(&params.kinds, |k| k.kind.to_string());
    let in_doubt = each(&params.kinds, |k| k.in_doubt.as_str());
    let arguments = arguments![db.now(), kinds, in_doubt, db.unleased.passed_over(db)];
    let rows = db.fetch(CLAIM_REFUSED, arguments).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let op_id = op_id(row, "op_id").map_err(StoreError::fatal)?;
    let kind = column(row, "kind").and_then(kind_of).map_err(StoreError::fatal)?;
    db.unleased.put_off.refused(op_id, db.unleased.now(db));
    Ok(Some(Claimed::Refused { op_id, kind, reason: error.to_string() }))
}

async fn lease(db: &Db, params: &ClaimParams, limit: usize) -> Result<Vec<Claimed>, StoreError> {
    let rows =
        with_limit(limit, |limit| db.fetch(CLAIM, claim_arguments(db, params, limit))).await?;
    let Some((first, rows)) = rows.split_first() else {
        return Err(StoreError::fatal("there is no incarnation"));
    };
    if !noted(db, first, !rows.is_empty()).map_err(StoreError::fatal)? {
        // Nothing was claimed: another server is behind the connection, or its data went back.
        report_unconfirmed(&incarnation::look(db).await?);
        return Ok(Vec::new());
    }
    let mut claimed = Vec::with_capacity(rows.len());
    let mut undecodable = Vec::new();
    for row in rows {
        let claim = leased(row).map_err(StoreError::fatal)?;
        db.unleased.put_off.moved(claim.op_id);
        claimed.push(match operation(row, claim) {
            Ok(operation) => Claimed::Operation(operation),
            Err(reason) => {
                let op_id = claim.op_id;
                let why = ReleaseReason::Unrunnable { reason: reason.clone() };
                undecodable.push(Release { claim, reason: why });
                Claimed::Undecodable { op_id, reason }
            }
        });
    }
    if !undecodable.is_empty()
        && let Err(error) = lease::release(db, undecodable).await
    {
        // The others are leased, and their worker has to hear of it. What is not parked now is in a sweep,
        // once its lease has expired.
        tracing::warn!(error = ?error, "operations that cannot be decoded are not parked yet");
    }
    Ok(claimed)
}

pub(crate) fn claim_arguments(
    db: &Db,
    params: &ClaimParams,
    limit: usize,
) -> Result<PgArguments, StoreError> {
    let kinds = &params.kinds;
    let (number, wal_position) = db.seen.furthest();
    let millis = |span| i32::try_from(as_millis(span)).unwrap_or(i32::MAX);
    arguments![
        db.now(),
        to_limit(limit),
        params.worker.as_str(),
        as_millis(params.lease),
        each(kinds, |k| k.kind.to_string()),
        each(kinds, |k| to_int(k.max_attempts)),
        each(kinds, |k| millis(k.backoff.base())),
        each(kinds, |k| millis(k.backoff.cap())),
        each(kinds, |k| k.in_doubt.as_str()),
        each(kinds, |k| to_int(k.max_reconciles)),
        each(kinds, |k| k.hooked),
        each(kinds, |k| k.replays_errors),
        params.id.get(),
        number,
        wal_position,
        each(kinds, |k| to_seconds(k.retention.completed())),
        each(kinds, |k| to_seconds(k.retention.failed())),
        db.unleased.passed_over(db),
        each(kinds, |k| to_int(k.max_uncounted)),
    ]
}

/// The columns of claim.sql by place: this is the one decoder that runs for each operation.
mod place {
    pub(super) const OP_ID: usize = 0;
    pub(super) const FENCE: usize = 1;
    pub(super) const ATTEMPT: usize = 2;
    pub(super) const RECONCILES: usize = 3;
    pub(super) const DEADLINE: usize = 4;
    pub(super) const ASKS: usize = 5;
    pub(super) const KEY_GENERATION: usize = 6;
    pub(super) const STARTED_AT: usize = 7;
    pub(super) const FIRST_CALLED_AT: usize = 8;
    pub(super) const OWNER: usize = 9;
    pub(super) const DOMAIN: usize = 10;
    pub(super) const EVENT_TYPE: usize = 11;
    pub(super) const BIZ_KEY: usize = 12;
    pub(super) const IDEM_KEY: usize = 13;
    pub(super) const ACCEPTED_AT: usize = 14;
    pub(super) const PAYLOAD: usize = 15;
    pub(super) const REDRIVE: usize = 16;
    pub(super) const KEY_SEED: usize = 17;
    pub(super) const HOOKED: usize = 18;
    pub(super) const UNCOUNTED: usize = 19;
}

fn at<'r, T>(row: &'r PgRow, place: usize) -> Result<T, String>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(place).map_err(|_| format!("column {} of a claim cannot be read", place + 1))
}

/// Notes what the first row says of the database. False if it is not the one that it was.
fn noted(db: &Db, row: &PgRow, committed: bool) -> Result<bool, String> {
    let (number, whole_since) = (at(row, place::ATTEMPT)?, at(row, place::RECONCILES)?);
    db.seen.note(number, whole_since, at(row, place::FENCE)?, committed);
    at(row, place::ASKS)
}

fn leased(row: &PgRow) -> Result<Claim, String> {
    let op_id: OpId = from_uuid(at::<Uuid>(row, place::OP_ID)?);
    Ok(Claim { op_id, fence: Fence::new(at(row, place::FENCE)?) })
}

fn operation(row: &PgRow, claim: Claim) -> Result<ClaimedOperation, String> {
    let count = |place| -> Result<u32, String> {
        u32::try_from(at::<i32>(row, place)?).map_err(|_| "a count is negative".to_owned())
    };
    let say = |error: Invalid| error.to_string();
    let text = |place| at::<String>(row, place);
    let kind = Kind {
        domain: Domain::new(text(place::DOMAIN)?).map_err(say)?,
        event_type: EventType::new(text(place::EVENT_TYPE)?).map_err(say)?,
    };
    let command = Command::of(
        kind,
        BizKey::new(text(place::BIZ_KEY)?).map_err(say)?,
        IdemKey::new(text(place::IDEM_KEY)?).map_err(say)?,
        Payload::from(at::<&[u8]>(row, place::PAYLOAD)?),
    );
    let mut envelope = Envelope::new(
        claim.op_id,
        Owner::new(text(place::OWNER)?).map_err(say)?,
        command,
        at::<At>(row, place::ACCEPTED_AT)?.0,
        at::<At>(row, place::DEADLINE)?.0,
    );
    envelope.attempt = count(place::ATTEMPT)?;
    envelope.fence = claim.fence;
    envelope.key_generation = count(place::KEY_GENERATION)?;
    envelope.redrive = count(place::REDRIVE)?;
    let seed = |bytes: &[u8]| bytes.try_into().map(KeySeed::from_bytes);
    let seed = at::<Option<&[u8]>>(row, place::KEY_SEED)?.map(seed).transpose();
    envelope.key_seed = seed.map_err(|_| "the key seed does not have 16 bytes")?;
    let purpose = if at(row, place::ASKS)? { Purpose::Reconcile } else { Purpose::Attempt };
    let (reconciles, uncounted) = (count(place::RECONCILES)?, count(place::UNCOUNTED)?);
    let claimed_at = at::<At>(row, place::STARTED_AT)?.0;
    let in_doubt_since = at::<Option<At>>(row, place::FIRST_CALLED_AT)?.map(|at| at.0);
    Ok(ClaimedOperation {
        envelope,
        purpose,
        reconciles,
        uncounted,
        claimed_at,
        first_called_at: in_doubt_since.unwrap_or(claimed_at),
        unresolved: in_doubt_since.is_some(),
        hooked: at(row, place::HOOKED)?,
    })
}

//! What happens to a lease while it is held: renewed, or given back.

use std::collections::{HashMap, HashSet};

use orch_core::machine::{Answer, Fact};
use orch_core::store::codec::as_millis;
use orch_core::store::{Claim, Release, ReleaseReason, Released, RenewParams, Renewed, StoreError};
use orch_core::words::{Fence, storable};
use sqlx::postgres::PgRow;
use sqlx::types::Uuid;

use crate::apply::{apply, no_hook};
use crate::column::{column, instant, op_id, to_uuid};
use crate::db::{Db, in_pieces};
use crate::pool::arguments;

const RENEW: &str = include_str!("../queries/renew.sql");
const RELEASE: &str = include_str!("../queries/release.sql");

/// Renewals that fit into one lease: one that is not answered by then leaves time for the next.
const RENEWALS_PER_LEASE: u32 = 3;

/// Moves the ends of leases that are still held.
pub(crate) async fn renew(db: &Db, params: RenewParams) -> Result<Vec<Renewed>, StoreError> {
    let lease_ms = as_millis(params.lease);
    let limit = params.lease / RENEWALS_PER_LEASE;
    in_pieces(
        params.claims,
        |_| 0,
        |claims| async move {
            let (ids, fences) = claim_columns(claims.iter());
            let arguments = arguments![db.now(), lease_ms, ids, fences];
            // Once for each time that the owner asks: a lease must not outlive who holds it.
            let rows = db.pool.fetch_once(limit, RENEW, arguments?).await?;
            let mut renewed = HashMap::new();
            for row in &rows {
                let expires = instant(row, "lease_expires_at").map_err(StoreError::fatal)?;
                renewed.insert(claim_of(row)?, expires);
            }
            let answer = |claim| match renewed.get(claim).copied() {
                Some(lease_expires_at) => Renewed::Renewed { lease_expires_at },
                None => Renewed::Stale,
            };
            Ok(claims.iter().map(answer).collect())
        },
    )
    .await
}

/// Takes back claims that were not run.
pub(crate) async fn release(db: &Db, batch: Vec<Release>) -> Result<Vec<Released>, StoreError> {
    in_pieces(
        batch,
        |_| 0,
        |batch| async move {
            // How long one waits that is given back for want of a part is decided by step.
            let known =
                |release: &&Release| !matches!(release.reason, ReleaseReason::Unhandled { .. });
            let frequent: Vec<&Release> = batch.iter().filter(known).collect();
            let (ids, fences) = claim_columns(frequent.iter().map(|release| &release.claim));
            let reasons: Vec<Option<String>> =
                frequent.iter().map(|release| release.reason.text().map(storable)).collect();
            let rows = db.fetch(RELEASE, arguments![db.now(), ids, fences, reasons]).await?;
            let released = rows.iter().map(claim_of).collect::<Result<HashSet<_>, _>>()?;
            let others = batch.iter().map(|release| (release.claim, release));
            let others = others.filter(|(claim, _)| !released.contains(claim)).collect();
            let answers = apply(db, others, no_hook, |release, logged| {
                let Release { claim, reason } = release;
                Fact::Released { fence: claim.fence, reason, logged }
            });
            let answers = answers.await?;
            let answer = |Release { claim, .. }: &Release| match answers.get(claim) {
                Some(Answer::Released) => Released::Released,
                None if released.contains(claim) => Released::Released,
                Some(_) | None => Released::Stale,
            };
            Ok(batch.iter().map(answer).collect())
        },
    )
    .await
}

/// Claims as two columns.
pub(crate) fn claim_columns<'a>(
    claims: impl IntoIterator<Item = &'a Claim>,
) -> (Vec<Uuid>, Vec<i64>) {
    claims.into_iter().map(|claim| (to_uuid(claim.op_id), claim.fence.get())).unzip()
}

/// The claim that a statement answers for.
pub(crate) fn claim_of(row: &PgRow) -> Result<Claim, StoreError> {
    let claim = || -> Result<Claim, String> {
        Ok(Claim { op_id: op_id(row, "op_id")?, fence: Fence::new(column(row, "fence")?) })
    };
    claim().map_err(StoreError::fatal)
}

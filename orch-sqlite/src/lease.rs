//! Leases: renewed on a connection of their own, given back through the writer.

use std::collections::HashSet;

use orch_core::machine::{Answer, Fact};
use orch_core::store::columns::Columns;
use orch_core::store::{Claim, Release, Released, RenewParams, Renewed, StoreError};
use orch_core::words::Fence;

use crate::batch::Batch;
use crate::row::there;
use crate::sql::{Answers, Db, Values, fetch};

pub(crate) const RENEW: &str = include_str!("../queries/renew.sql");

/// Moves the end of all these leases in one statement.
pub(crate) async fn renew(
    db: &mut Db<'_>,
    params: &RenewParams,
) -> Result<Vec<Renewed>, StoreError> {
    let lease_expires_at = db.now.plus(params.lease);
    let claim = |claim: &Claim| (hex(claim.op_id.as_bytes()), claim.fence.get());
    let claims: Vec<(String, i64)> = params.claims.iter().map(claim).collect();
    let claims = serde_json::json!(claims).to_string();
    let values = Values::default().at(lease_expires_at).add(claims);
    let mut renewed = HashSet::new();
    for found in fetch(db.connection, RENEW, values).await? {
        let fence = Fence::new(there(found.number("fence"))?);
        renewed.insert(Claim { op_id: found.op_id()?, fence });
    }
    let answer = |claim| match renewed.contains(claim) {
        true => Renewed::Renewed { lease_expires_at },
        false => Renewed::Stale,
    };
    Ok(params.claims.iter().map(answer).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives claims back that were not run.
pub(crate) async fn release(db: &mut Db<'_>, releases: &[&Release]) -> Answers<Released> {
    let mut batch = Batch::of_claims(db, releases.iter().map(|r| r.claim)).await?;
    let answers = releases.iter().map(|release| release_one(&mut batch, release)).collect();
    batch.flush().await?;
    Ok(answers)
}

fn release_one(batch: &mut Batch<'_>, release: &Release) -> Result<Released, StoreError> {
    let Release { claim, reason } = release;
    let fence = claim.fence;
    let step = batch.step(*claim, |logged| Fact::Released { fence, reason, logged })?;
    Ok(match batch.save(step) {
        Answer::Released => Released::Released,
        _ => Released::Stale,
    })
}

//! A zombie's renewal must not reach the next owner's lease.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{File, acceptance, claim, claim_of};
use orch_core::store::{ManualClock, RenewParams, Renewed, Store};
use orch_core::words::Owner;
use orch_sqlite::SqliteStore;

#[tokio::test]
async fn a_stale_renewal_leaves_the_next_owners_lease_as_it_is() {
    let (file, clock) = (File::new(), Arc::new(ManualClock::default()));
    let store = SqliteStore::open_with_clock(&file.url, clock.clone()).await.unwrap();
    store.accept(vec![acceptance("a")]).await.unwrap();
    let zombie = claim_of(&store.claim(claim(1)).await.unwrap()[0]);
    clock.advance(Duration::from_secs(61));
    store.sweep_expired(10).await.unwrap();
    clock.advance(Duration::from_secs(10));
    let owner = claim_of(&store.claim(claim(1)).await.unwrap()[0]);
    let before = store.get(&Owner::default(), owner.op_id).await.unwrap().unwrap();
    clock.advance(Duration::from_secs(5));
    let params = RenewParams { claims: vec![zombie], lease: Duration::from_secs(600) };
    assert_eq!(store.renew(params).await.unwrap(), [Renewed::Stale]);
    let after = store.get(&Owner::default(), owner.op_id).await.unwrap().unwrap();
    assert_eq!(after.lease_expires_at, before.lease_expires_at);
}

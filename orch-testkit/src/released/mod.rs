//! Databases that earlier releases have written, for the tests of a store's migrations.
//!
//! Such a database is test data of its store: a file, a dump. What its operations were, and what
//! becomes of each when the present code goes on with it, is the same for every store and is kept
//! here, one JSON file per release. A test opens a copy of the database at [`Released::clock`],
//! which migrates it, and then calls [`Released::reads_back`] and [`Released::goes_on`].
//!
//! All is read through the [`Store`], so a migration may rename and rearrange what it likes.

use std::collections::BTreeSet;
use std::sync::Arc;

use orch_core::policies::KindPolicy;
use orch_core::store::{
    Acceptance, Admitted, FinalizeHook, LateParams, ListParams, ManualClock, Store,
};
use orch_core::words::{Command, Fingerprint, KeySeed, Kind, OpId, Owner, Payload, Timestamp};
use serde::Deserialize;

use crate::fixture::{self, BUDGET};

mod going_on; // what becomes of it afterwards
mod seen; // an operation as a store returns it

pub use going_on::quiet_hook;
pub use seen::{Seen, SeenEntry, SeenLetter};

/// What a database of an earlier release holds.
#[derive(Debug, Clone, Deserialize)]
pub struct Released {
    made_at_micros: i64,
    kinds: Vec<Declared>,
    operations: Vec<Expected>,
}

/// What the handler of a kind declared. A kind without a handler is not among them.
#[derive(Debug, Clone, Deserialize)]
struct Declared {
    domain: String,
    event_type: String,
    in_doubt: String,
    max_reconciles: u32,
    replays_errors: bool,
    hooked: bool,
}

/// One operation of it.
#[derive(Debug, Clone, Deserialize)]
struct Expected {
    op_id: OpId,
    owner: Owner,
    /// What it is an example of.
    name: String,
    /// `None` if its row cannot be decoded.
    seen: Option<Seen>,
    /// What an operator decides once it is parked: `ok`, `fail` or `run again`.
    operator: Option<String>,
    /// What happens to it, step by step. Empty if nothing may change.
    then: Vec<String>,
}

impl Released {
    /// A database of release 0.1.0.
    ///
    /// # Panics
    /// If its JSON file is not what this type takes.
    #[must_use]
    pub fn v0_1_0() -> Self {
        serde_json::from_str(include_str!("release-0.1.0.json")).unwrap()
    }

    /// A clock that shows when it was written.
    #[must_use]
    pub fn clock(&self) -> Arc<ManualClock> {
        Arc::new(ManualClock::at(Timestamp::from_micros(self.made_at_micros)))
    }

    /// Every operation, its log and its dead letter are what they were, each way of reading finds
    /// them, and there is nothing else.
    ///
    /// # Panics
    /// Where that is not so.
    pub async fn reads_back(&self, store: &dyn Store) {
        for Expected { op_id, owner, name, seen, .. } in &self.operations {
            assert_eq!(&Seen::read(store, owner, *op_id).await, seen, "{op_id}: {name}");
            let Some(seen) = seen else { continue };
            let operation = store.get(owner, *op_id).await.unwrap().unwrap();
            let found = store.find(&operation.identity).await.unwrap().unwrap();
            assert_eq!(found.op_id == *op_id, operation.redrive_of.is_none(), "{op_id}: {name}");
            let late = LateParams { of: Some(vec![*op_id]), owner: None, after: None, limit: 1 };
            let late = store.late(late).await.unwrap();
            assert_eq!(late.len() == 1, seen.has_late_entries(), "{op_id}: {name}");
        }
        let expected: BTreeSet<OpId> = self.operations.iter().map(|e| e.op_id).collect();
        assert_eq!(listed(store).await, expected);
    }

    /// A request that was made before gets the same operation, and with another body a conflict.
    ///
    /// # Panics
    /// Where that is not so.
    pub async fn answers_the_same_keys(&self, store: &dyn Store) {
        for Expected { op_id, owner, name, seen, .. } in &self.operations {
            if seen.as_ref().is_none_or(Seen::is_redrive) {
                continue;
            }
            let there = store.get(owner, *op_id).await.unwrap().unwrap();
            assert_eq!(there.key_source(0).seed, None, "{name}: its provider key stays");
            let kind = there.identity.kind();
            let (biz_key, idem_key) = (&there.identity.biz_key, &there.identity.idem_key);
            let request = |payload: Payload| Acceptance {
                op_id: OpId::generate(),
                owner: owner.clone(),
                fingerprint: Fingerprint::of(&payload),
                command: Command::of(kind.clone(), biz_key.clone(), idem_key.clone(), payload),
                time_budget: BUDGET,
                key_seed: KeySeed::from_bytes([9; 16]),
                form: None,
                earlier: Vec::new(),
                unique: false,
            };
            let requests = [request(there.payload.clone()), request("another body".into())];
            let answers = store.accept(requests.into()).await.unwrap();
            let (op_id, payload) = (*op_id, there.payload);
            let expected = [Admitted::Replayed { op_id }, Admitted::Conflict { op_id, payload }];
            assert_eq!(answers, expected, "{op_id}: {name}");
        }
    }

    /// The rules of the kinds that workers have handlers for.
    fn policies(&self) -> Vec<KindPolicy> {
        self.kinds.iter().map(Declared::policy).collect()
    }

    /// Goes on with it: workers, sweeps, the Finalizer and an operator move each operation as
    /// its steps say, and nothing of its log is lost on the way.
    ///
    /// # Panics
    /// Where that is not so.
    pub async fn goes_on(&self, store: &dyn Store, clock: &ManualClock, hook: FinalizeHook) {
        going_on::check(self, store, clock, hook).await;
    }
}

impl Declared {
    fn policy(&self) -> KindPolicy {
        KindPolicy {
            in_doubt: self.in_doubt.parse().unwrap(),
            max_reconciles: self.max_reconciles,
            replays_errors: self.replays_errors,
            hooked: self.hooked,
            ..KindPolicy::new(Kind::new(&self.domain, &self.event_type).unwrap())
        }
    }
}

/// Every operation in the database, read in pages.
async fn listed(store: &dyn Store) -> BTreeSet<OpId> {
    let mut all = BTreeSet::new();
    let mut after = None;
    loop {
        let params = ListParams::default().after(after).limit(10);
        let page = store.list(params).await.unwrap();
        all.extend(fixture::listed(&page.items));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

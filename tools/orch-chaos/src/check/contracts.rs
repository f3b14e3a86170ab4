//! I11, of the kinds whose handlers name a contract, and I5 of the one whose key may change.
//!
//! | the operation | effects at the provider |
//! |---|---|
//! | COMPLETED | exactly one |
//! | FAILED for certain | none |
//! | FAILED and uncertain, or parked | one at most |
//!
//! A provider that knows no keys acts on every call. Where it has said "not happened" while a call was on its way,
//! and that call arrives behind the answer, nothing can undo it: neither the fence of the worker that sent it,
//! which the provider does not see, nor the operation, which has gone on. The ledger says which calls were
//! so belated. Their effects are set apart ([`crate::evidence::belated`]) and counted.

use std::collections::{BTreeMap, HashSet};

use orch_lab::check::found;
use orch_lab::store::{Failure, Stored};

use super::way::is_run;
use super::{Book, Verdict};
use crate::order::{Order, Orders, Product};

/// What became of the operations of a kind, by name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

impl Verdict {
    /// I11, once the effects of belated calls are set apart.
    pub(super) fn contract(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let Order { number, product, .. } = order;
        if !product.has_contract() {
            return;
        }
        let acts = found(&book.common.acts, &number).len() as u64;
        let uncertain = stored.failure.as_deref().map(serde_json::from_str::<Failure>);
        let uncertain = uncertain.is_some_and(|failure| failure.is_ok_and(|it| it.uncertain));
        let (name, allowed) = match stored.status.as_str() {
            "COMPLETED" => ("completed", 1..=1),
            "FAILED" if uncertain => ("uncertain", 0..=1),
            "FAILED" => ("failed", 0..=0),
            _ => ("parked", 0..=1),
        };
        if !allowed.contains(&acts) {
            self.breaks("I11", || {
                format!("order {number} ({product:?}) is {name}, and there were {acts} effects")
            });
        }
        let counts = self.contracts.entry(product.event()).or_default();
        let mut count = |what, times: usize| *counts.entry(what).or_default() += times as u64;
        count(name, 1);
        if name == "uncertain" || name == "parked" {
            count("… of these, done", usize::from(acts > 0));
        }
        let calls = found(&book.common.calls, &number);
        count("repeated_calls", calls.len().saturating_sub(1));
        count("belated_calls", calls.iter().filter(|call| call.belated).count());
        let log = found(&book.common.log, &stored.op_id.as_str());
        let logged = |outcome| log.iter().filter(|it| !it.late && it.outcome == outcome).count();
        count("still_running", logged("STILL_RUNNING"));
        count("already_done", logged("ALREADY_DONE"));
        count("not_happened", logged("NOT_HAPPENED"));
        self.renewed_key(order, stored, book);
    }

    /// I5: a key is given up behind a definite error, and not once there was doubt.
    fn renewed_key(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let log = found(&book.common.log, &stored.op_id.as_str());
        let calls = found(&book.common.calls, &order.number);
        let mut keys: HashSet<&str> = HashSet::new();
        for call in calls {
            let request = &call.request;
            if !keys.insert(&request.key) || keys.len() == 1 {
                continue;
            }
            let counts = &mut self.contracts.entry(order.product.event()).or_default();
            *counts.entry("renewed_keys").or_default() += 1;
            let before = log.iter().filter(|entry| {
                !entry.late && is_run(entry) && entry.attempt < request.attempt.into()
            });
            // From the first doubt on the key stays, even if no call was made with it yet.
            let errors = before.take_while(|entry| entry.outcome == "RETRY").count();
            let renewals = keys.len() - 1;
            if renewals > errors {
                self.breaks("I5", || {
                    let Order { number, .. } = order;
                    format!("order {number}: key {renewals} after {errors} errors without doubt")
                });
            }
        }
    }
}

/// True if the provider of this order keeps errors, so that a key that met one is given up.
pub(super) fn renews_keys(orders: Orders, order_id: u64) -> bool {
    orders.of(order_id).product == Product::KeepsEverything
}

/// True if the operation may be parked, by what its kind declares.
pub(super) fn may_park(product: Product, stored: &Stored) -> bool {
    matches!(product, Product::SuccessesParked | Product::RefusesParked)
        || product.asks() && stored.reconciles >= 10
}

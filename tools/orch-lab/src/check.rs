//! The comparison at the end: the provider's ledger, which orch never sees, against the store,
//! which the provider never sees, and against what clients were told. It shares no code with
//! the engine.
//!
//! | rule | |
//! |---|---|
//! | I1 | every accepted operation is there, and terminal or parked as its kind may be; nothing else was called |
//! | I3 | a success is what the provider gave; a failure that is certain moved no money, and says whether it was called |
//! | I4 | calls ≤ 1 + retries + lost attempts, as the store counts them and as its log does |
//! | I5 | one provider key per operation, no key twice; more than one only where its provider keeps errors |
//! | I6 | one operation for one order, the one that its client was told of |
//! | I7 | no lease is held at the end |
//! | I8 | the outcome is that of the newest fence |
//! | I9 | no order is paid twice, sums of money are equal |
//!
//! orch-chaos adds to these what it takes triggers and a seed to know.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use crate::ledger::{Answer, Body, Call, Entry, Receipt};
use crate::store::{Failure, Logged, Stored};

pub mod sample;

/// All that is there when the last fault is over.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// What the provider wrote down.
    pub ledger: Vec<Entry>,
    /// Order and operation of each request that was accepted.
    pub told: Vec<(u64, String)>,
    /// The operations.
    pub stored: Vec<Stored>,
    /// The write-ahead log, in its order.
    pub log: Vec<Logged>,
}

/// What the comparison found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Orders that were accepted.
    pub accepted: u64,
    /// Requests beyond the first of an order that were answered with an operation.
    pub replayed: u64,
    /// Operations that are COMPLETED.
    pub completed: u64,
    /// Operations that are FAILED, by code.
    pub failed: BTreeMap<String, u64>,
    /// Of these, operations that say that the provider may have acted.
    pub uncertain: u64,
    /// Of these, operations for which it has acted.
    pub uncertain_done: u64,
    /// Operations that wait for an operator.
    pub parked: u64,
    /// Attempts that asked for another one.
    pub retries: u64,
    /// Attempts whose end is not known.
    pub lost_attempts: u64,
    /// Ends that were logged after their attempt had been taken over.
    pub late_entries: u64,
    /// Calls that the provider received, without reconciles.
    pub calls: u64,
    /// Of these, calls for an order that had called before.
    pub repeated_calls: u64,
    /// Reconciles that the provider answered.
    pub reconciles: u64,
    /// Accepted operations that are gone, or that did not come to an end.
    pub lost: u64,
    /// Orders for which money moved more than once.
    pub charged_twice: u64,
    /// Operations that called more often than they may.
    pub calls_beyond_bound: u64,
    /// What COMPLETED operations say was paid.
    pub money_in_store: u64,
    /// What moved, without what an operation itself says may have moved: uncertain or parked.
    pub money_in_ledger: u64,
    /// How often each rule was broken.
    pub broken: BTreeMap<&'static str, u64>,
    /// What broke it, in words; only the first few of each rule.
    pub findings: Vec<String>,
}

/// Findings that are kept per rule.
const FINDINGS: u64 = 5;

/// Holds the evidence against the rules; `may_park` says which operations may wait for an operator,
/// `renews_keys` of which orders the provider keeps errors, so that a key that met one is given up.
pub fn check(
    evidence: &Evidence,
    may_park: impl Fn(&Stored, Body) -> bool,
    renews_keys: impl Fn(u64) -> bool,
) -> Verdict {
    let book = Book::of(evidence);
    let mut verdict = Verdict::default();
    verdict.told(&book);
    for stored in &evidence.stored {
        match serde_json::from_str(&stored.body) {
            Ok(body) => verdict.operation(stored, body, &book, &may_park),
            Err(_) => verdict.breaks("I6", || format!("{}: its body is not ours", stored.op_id)),
        }
    }
    verdict.strangers(&book);
    verdict.keys(&book, renews_keys);
    verdict.money(&book);
    verdict
}

/// The evidence by what it is about.
#[derive(Debug, Default)]
pub struct Book<'a> {
    /// Calls, by order.
    pub calls: HashMap<u64, Vec<&'a Call>>,
    /// Answers to calls and when they were given, by order.
    pub answers: HashMap<u64, Vec<(&'a Call, i64, &'a Answer)>>,
    /// Keys and answers of reconciles, by order.
    pub reconciles: HashMap<u64, Vec<(&'a str, &'a Answer)>>,
    /// Keys with which money moved, and what was given for it, by order.
    pub acts: HashMap<u64, Vec<(&'a str, &'a Receipt)>>,
    /// Operations that clients were told of, by order; as often as they were.
    pub told: HashMap<u64, Vec<&'a str>>,
    /// Operations, by order.
    pub stored: HashMap<u64, Vec<&'a Stored>>,
    /// Entries of the log, by operation.
    pub log: HashMap<&'a str, Vec<&'a Logged>>,
}

impl<'a> Book<'a> {
    /// Sorts the evidence.
    pub fn of(evidence: &'a Evidence) -> Self {
        let mut book = Self::default();
        let mut call_of = HashMap::new();
        for entry in &evidence.ledger {
            match entry {
                Entry::Call(call) => {
                    call_of.insert(call.call, call);
                    book.calls.entry(call.request.body.order_id).or_default().push(call);
                }
                Entry::Act { order_id, key, receipt, .. } => {
                    book.acts.entry(*order_id).or_default().push((key, receipt));
                }
                Entry::Answered { call, at, answer: Some(answer) } => {
                    if let Some(call) = call_of.get(call) {
                        let order_id = call.request.body.order_id;
                        book.answers.entry(order_id).or_default().push((call, *at, answer));
                    }
                }
                Entry::Answered { answer: None, .. } => {}
                Entry::Reconciled { order_id, key, answer } => {
                    book.reconciles.entry(*order_id).or_default().push((key, answer));
                }
            }
        }
        for (order_id, op_id) in &evidence.told {
            book.told.entry(*order_id).or_default().push(op_id);
        }
        for stored in &evidence.stored {
            if let Ok(body) = serde_json::from_str::<Body>(&stored.body) {
                book.stored.entry(body.order_id).or_default().push(stored);
            }
        }
        for logged in &evidence.log {
            book.log.entry(&logged.op_id).or_default().push(logged);
        }
        book
    }
}

/// What is noted under a key.
pub fn found<'b, K: Hash + Eq, V>(map: &'b HashMap<K, Vec<V>>, key: &K) -> &'b [V] {
    map.get(key).map_or(&[], Vec::as_slice)
}

/// An id as clients see it, as the store's SQL writes it.
pub fn plain(op_id: &str) -> String {
    op_id.replace('-', "")
}

impl Verdict {
    /// True if no rule is broken.
    pub fn holds(&self) -> bool {
        self.broken.is_empty()
    }

    /// All breaches of all rules.
    pub fn violations(&self) -> u64 {
        self.broken.values().sum()
    }

    /// Notes a breach.
    pub fn breaks(&mut self, rule: &'static str, what: impl FnOnce() -> String) {
        let count = self.broken.entry(rule).or_default();
        *count += 1;
        if *count <= FINDINGS {
            self.findings.push(format!("{rule}: {}", what()));
        }
    }

    /// I1 and I6, from the clients' side.
    fn told(&mut self, book: &Book<'_>) {
        self.accepted = book.told.len() as u64;
        for (order_id, told) in &book.told {
            let stored = found(&book.stored, order_id);
            self.replayed += told.len() as u64 - 1;
            if !stored.iter().any(|stored| told.contains(&stored.op_id.as_str())) {
                self.lost += 1;
                self.breaks("I1", || format!("order {order_id} was accepted and is gone"));
            }
            let ids: HashSet<_> = told.iter().collect();
            if ids.len() > 1 {
                self.breaks("I6", || format!("order {order_id} was accepted as {}", ids.len()));
            }
        }
        for (order_id, stored) in &book.stored {
            if stored.len() > 1 {
                self.breaks("I6", || format!("order {order_id} is {} operations", stored.len()));
            }
            if !book.told.contains_key(order_id) {
                self.breaks("I6", || format!("order {order_id} is in the store, and no client's"));
            }
        }
    }

    fn operation(
        &mut self,
        stored: &Stored,
        body: Body,
        book: &Book<'_>,
        may_park: impl Fn(&Stored, Body) -> bool,
    ) {
        self.ended(stored, body, may_park(stored, body));
        self.as_given(stored, body, book);
        self.within_bound(stored, body, book);
        if stored.held {
            self.breaks("I7", || format!("order {}: a lease is left", body.order_id));
        }
        let log = found(&book.log, &stored.op_id.as_str());
        let stale = |last: &&&Logged| last.source == "handler" && last.fence != stored.fence;
        let last = log.iter().rfind(|entry| !entry.late);
        if stored.is_terminal() && last.filter(stale).is_some() {
            self.breaks("I8", || format!("order {}: ended under an old fence", body.order_id));
        }
    }

    /// I1.
    fn ended(&mut self, stored: &Stored, body: Body, may_park: bool) {
        match (stored.status.as_str(), stored.phase.as_deref()) {
            ("COMPLETED", None) => self.completed += 1,
            ("FAILED", None) => {}
            ("IN_PROGRESS", Some("parked")) if may_park => self.parked += 1,
            (status, phase) => {
                self.lost += 1;
                let Stored { op_id, fence, .. } = stored;
                self.breaks("I1", || {
                    format!(
                        "order {} ({op_id}, fence {fence}) is {status} {phase:?}",
                        body.order_id
                    )
                });
            }
        }
    }

    /// I3.
    fn as_given(&mut self, stored: &Stored, body: Body, book: &Book<'_>) {
        let (order_id, acts) = (body.order_id, found(&book.acts, &body.order_id));
        let Stored { status, output, failure, .. } = stored;
        if (output.is_some(), failure.is_some()) != (status == "COMPLETED", status == "FAILED") {
            self.breaks("I3", || format!("order {order_id} is {status}: {output:?}, {failure:?}"));
        }
        if let Some(output) = output {
            let real = serde_json::from_str::<Receipt>(output).is_ok_and(|given| {
                given.amount == body.amount && acts.iter().any(|(_, receipt)| **receipt == given)
            });
            if !real {
                self.breaks("I3", || format!("order {order_id}: {output} was never given"));
            }
        }
        let Some(letter) = failure else { return };
        let Ok(failure) = serde_json::from_str::<Failure>(letter) else {
            return self.breaks("I3", || format!("order {order_id}: {letter} cannot be read"));
        };
        if failure.uncertain {
            self.uncertain += 1;
            self.uncertain_done += u64::from(!acts.is_empty());
        } else if !acts.is_empty() {
            self.breaks("I3", || format!("order {order_id}: FAILED ({}), yet done", failure.code));
        }
        if !failure.called && !found(&book.calls, &order_id).is_empty() {
            self.breaks("I3", || format!("order {order_id}: said not to be called, and was"));
        }
        *self.failed.entry(failure.code).or_default() += 1;
    }

    /// I4.
    fn within_bound(&mut self, stored: &Stored, body: Body, book: &Book<'_>) {
        let (order_id, retries, lost) = (body.order_id, stored.retries, stored.lost);
        let calls = found(&book.calls, &order_id).len() as u64;
        let bound = 1 + retries.unsigned_abs() + lost.unsigned_abs();
        if calls > bound {
            self.calls_beyond_bound += 1;
            self.breaks("I4", || format!("order {order_id}: {calls} calls, bound {bound}"));
        }
        let log = found(&book.log, &stored.op_id.as_str());
        let (mut retried, mut doubts) = (0, 0);
        for entry in log.iter().filter(|entry| !entry.late) {
            match entry.outcome.as_str() {
                "RETRY" => retried += 1,
                // A call that is at work is a lost one, if none was lost before.
                "STILL_RUNNING" => (retried, doubts) = (retried + 1, doubts.max(1)),
                "IN_DOUBT" if entry.source != "reconcile" => doubts += 1,
                "ALREADY_DONE" => doubts += 1,
                _ => {}
            }
        }
        if (retried, doubts) != (retries, lost) {
            self.breaks("I4", || {
                format!(
                    "order {order_id}: {retries} retries and {lost} lost attempts, \
                     the log has {retried} and {doubts}"
                )
            });
        }
        self.retries += retries.unsigned_abs();
        self.lost_attempts += lost.unsigned_abs();
        self.late_entries += log.iter().filter(|entry| entry.late).count() as u64;
    }

    /// I1: what the provider has done for orders that the store does not know.
    fn strangers(&mut self, book: &Book<'_>) {
        for order_id in book.calls.keys().filter(|order_id| !book.stored.contains_key(order_id)) {
            self.breaks("I1", || format!("order {order_id} was called and is not in the store"));
        }
    }

    /// I5.
    fn keys(&mut self, book: &Book<'_>, renews_keys: impl Fn(u64) -> bool) {
        let mut orders: HashMap<&str, HashSet<u64>> = HashMap::new();
        let mut keys: HashMap<u64, HashSet<&str>> = HashMap::new();
        let mut used = |order_id: u64, key| {
            orders.entry(key).or_default().insert(order_id);
            keys.entry(order_id).or_default().insert(key);
        };
        for call in book.calls.values().flatten() {
            used(call.request.body.order_id, call.request.key.as_str());
        }
        for (order_id, asked) in &book.reconciles {
            asked.iter().for_each(|(key, _)| used(*order_id, key));
        }
        for (order_id, acts) in &book.acts {
            acts.iter().for_each(|(key, _)| used(*order_id, key));
        }
        for (key, orders) in orders.iter().filter(|(_, orders)| orders.len() > 1) {
            self.breaks("I5", || format!("{key} was used for orders {orders:?}"));
        }
        let too_many =
            |(order, keys): &(&u64, &HashSet<_>)| keys.len() > 1 && !renews_keys(**order);
        for (order_id, keys) in keys.iter().filter(too_many) {
            self.breaks("I5", || format!("order {order_id} came with {} keys", keys.len()));
        }
        self.calls = book.calls.values().map(|calls| calls.len() as u64).sum();
        self.repeated_calls = self.calls - book.calls.len() as u64;
        self.reconciles = book.reconciles.values().map(|asked| asked.len() as u64).sum();
    }

    /// I9: what the store says was paid is what moved, order by order and in sum.
    fn money(&mut self, book: &Book<'_>) {
        for (order_id, acts) in &book.acts {
            if acts.len() > 1 {
                self.charged_twice += 1;
                self.breaks("I9", || format!("order {order_id}: paid {} times", acts.len()));
            }
            if !found(&book.stored, order_id).iter().any(|stored| stored.may_have_acted()) {
                self.money_in_ledger += acts.iter().map(|(_, receipt)| receipt.amount).sum::<u64>();
            }
        }
        for stored in book.stored.values().flatten() {
            let output = stored.output.as_deref().map(serde_json::from_str::<Receipt>);
            self.money_in_store += output.map_or(0, |output| output.map_or(0, |paid| paid.amount));
        }
        if self.money_in_store != self.money_in_ledger {
            let (store, ledger) = (self.money_in_store, self.money_in_ledger);
            self.breaks("I9", || format!("the store says {store}, the ledger {ledger}"));
        }
    }
}

#[cfg(test)]
mod tests;

//! The independent checker: ledger, store and what clients were told, against nine rules. It
//! shares no code with the engine.
//!
//! | rule | |
//! |---|---|
//! | I1 | every accepted operation is terminal, or parked as declared; doubt goes on as declared, and failures are declared ones |
//! | I2 | exactly one terminal outcome, unchanged since it was written |
//! | I3 | each end in the log equals an answer that the provider gave to that worker; a failure is uncertain if and only if doubt stands behind it |
//! | I4 | calls ≤ 1 + retries + lost attempts, as the store counts them and as its log does |
//! | I5 | one provider key per operation, no key twice |
//! | I6 | same key and body: one operation; same key, other body: refused |
//! | I7 | no lease is taken back before its end, none stays expired for longer than a lease and two ticks; at the end none is held; no claim before its delay or after its deadline |
//! | I8 | fences only grow; no effect under a fence that was not current, or by a stranger |
//! | I9 | sums of money are equal |

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::client::Line;
use crate::evidence::{Change, Evidence, Logged, Stored};
use crate::ledger::{Answer, Call, Entry};
use crate::order::{Body, Order, Product, Repeat};

mod answers;
mod way;

/// What the checker found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) accepted: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) uncertain: u64,
    pub(crate) parked: u64,
    /// Calls that the provider received, without questions.
    pub(crate) calls: u64,
    /// Of these, calls with a key that had come before.
    pub(crate) repeated_calls: u64,
    pub(crate) reconciles: u64,
    pub(crate) late_entries: u64,
    /// Changed bodies that were refused.
    pub(crate) refused: u64,
    /// Requests beyond the first of an order that were answered with an operation.
    pub(crate) replayed: u64,
    /// Leases that were moved on.
    pub(crate) renewed: u64,
    /// Accepted operations that are gone, or that did not come to an end.
    pub(crate) lost: u64,
    pub(crate) finalized_twice: u64,
    pub(crate) outcome_changed: u64,
    pub(crate) calls_beyond_bound: u64,
    pub(crate) money_in_store: u64,
    pub(crate) money_in_ledger: u64,
    /// How often each rule was broken.
    pub(crate) broken: BTreeMap<&'static str, u64>,
    /// What broke it, in words; only the first few of each rule.
    pub(crate) findings: Vec<String>,
}

/// Findings that are kept per rule.
const FINDINGS: u64 = 5;

/// Holds the evidence against the rules.
pub(crate) fn check(seed: u64, evidence: &Evidence) -> Verdict {
    let book = Book::of(evidence);
    let mut verdict = Verdict::default();
    verdict.told(seed, &book);
    for stored in &evidence.stored {
        verdict.operation(seed, stored, &book);
    }
    verdict.strangers(&evidence.stored, &book);
    verdict.keys(&book);
    verdict.totals(&book);
    verdict
}

/// The evidence by what it is about.
#[derive(Default)]
struct Book<'a> {
    calls: HashMap<u64, Vec<&'a Call>>,
    /// Answers to calls and when they were given, by order.
    answers: HashMap<u64, Vec<(&'a Call, i64, &'a Answer)>>,
    reconciles: HashMap<u64, Vec<(&'a str, &'a Answer)>>,
    acts: HashMap<u64, Vec<(&'a str, u64, &'a str)>>,
    told: HashMap<u64, HashSet<String>>,
    /// Answers to requests that were accepted.
    tellings: u64,
    refused: Vec<(u64, String)>,
    fooled: Vec<u64>,
    stored: HashMap<&'a str, Vec<&'a Stored>>,
    log: HashMap<&'a str, Vec<&'a Logged>>,
    changes: HashMap<&'a str, Vec<&'a Change>>,
    bookings: HashMap<u64, Vec<u64>>,
    /// How often an owner asked for its lease to be moved on, by operation and fence.
    renewals: HashMap<(&'a str, i64), u64>,
}

impl<'a> Book<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let mut book = Self::default();
        let mut call_of = HashMap::new();
        for entry in &evidence.ledger {
            match entry {
                Entry::Call(call) => {
                    call_of.insert(call.call, call);
                    book.calls.entry(call.order).or_default().push(call);
                }
                Entry::Act { order, key, amount, receipt } => {
                    book.acts.entry(*order).or_default().push((key, *amount, receipt));
                }
                Entry::Answered { call, at, answer: Some(answer) } => {
                    if let Some(call) = call_of.get(call) {
                        book.answers.entry(call.order).or_default().push((call, *at, answer));
                    }
                }
                Entry::Answered { answer: None, .. } => {}
                Entry::Reconciled { order, key, answer } => {
                    book.reconciles.entry(*order).or_default().push((key, answer));
                }
            }
        }
        for line in &evidence.told {
            match line {
                Line::Told { order, op_id } => {
                    book.tellings += 1;
                    book.told.entry(*order).or_default().insert(plain(op_id));
                }
                Line::Refused { order, op_id } => book.refused.push((*order, plain(op_id))),
                Line::Fooled { order, .. } => book.fooled.push(*order),
                Line::Sent { .. } | Line::Done { .. } => {}
            }
        }
        for (op_id, fence) in &evidence.renewals {
            *book.renewals.entry((op_id, *fence)).or_default() += 1;
        }
        for stored in &evidence.stored {
            book.stored.entry(&stored.idem_key).or_default().push(stored);
        }
        for logged in &evidence.log {
            book.log.entry(&logged.op_id).or_default().push(logged);
        }
        for change in &evidence.changes {
            book.changes.entry(&change.op_id).or_default().push(change);
        }
        for (order, amount) in &evidence.bookings {
            book.bookings.entry(*order).or_default().push(*amount);
        }
        book
    }
}

/// An id as the store's SQL writes it.
fn plain(op_id: &str) -> String {
    op_id.replace('-', "")
}

fn found<'b, K: std::hash::Hash + Eq, V>(map: &'b HashMap<K, Vec<V>>, key: &K) -> &'b [V] {
    map.get(key).map_or(&[], Vec::as_slice)
}

impl Verdict {
    /// True if no rule is broken.
    pub(crate) fn holds(&self) -> bool {
        self.broken.is_empty()
    }

    pub(crate) fn breaks(&mut self, rule: &'static str, what: impl FnOnce() -> String) {
        let count = self.broken.entry(rule).or_default();
        *count += 1;
        if *count <= FINDINGS {
            self.findings.push(format!("{rule}: {}", what()));
        }
    }

    /// I1 and I6, from the clients' side.
    fn told(&mut self, seed: u64, book: &Book<'_>) {
        self.accepted = book.told.len() as u64;
        self.refused = book.refused.len() as u64;
        self.replayed = book.tellings - self.accepted;
        for (order, ids) in &book.told {
            let there = found_by(book, *order);
            if !there.iter().any(|stored| ids.contains(&stored.op_id)) {
                self.lost += 1;
                self.breaks("I1", || format!("order {order} was accepted and is gone"));
            }
            if ids.len() > 1 {
                self.breaks("I6", || format!("order {order} was accepted as {}", ids.len()));
            }
        }
        for (order, op_id) in &book.refused {
            if !found_by(book, *order).iter().any(|stored| stored.op_id == *op_id) {
                self.breaks("I6", || format!("order {order}: refused for one that is not there"));
            }
        }
        let refused: HashSet<u64> = book.refused.iter().map(|(order, _)| *order).collect();
        for order in book.told.keys().filter(|order| !refused.contains(*order)) {
            if Order::of(seed, *order).repeat == Repeat::Changed {
                self.breaks("I6", || format!("order {order}: another body was not refused"));
            }
        }
        for order in &book.fooled {
            self.breaks("I6", || format!("order {order}: another body was accepted"));
        }
        for (key, stored) in book.stored.iter().filter(|(_, stored)| stored.len() > 1) {
            self.breaks("I6", || format!("{key} is {} operations", stored.len()));
        }
    }

    fn operation(&mut self, seed: u64, stored: &Stored, book: &Book<'_>) {
        let Ok(body) = serde_json::from_str::<Body>(&stored.body) else {
            return self.breaks("I6", || format!("{}: its body is not ours", stored.op_id));
        };
        let order = Order::of(seed, body.order);
        let sent = (order.body(), order.idem_key(), order.product.event());
        if (body, stored.idem_key.clone(), stored.event.as_str()) != sent {
            self.breaks("I6", || format!("order {}: not as it was sent", body.order));
        }
        self.ended(order, stored);
        self.one_outcome(order, stored, book);
        self.as_answered(order, stored, book);
        self.within_bound(order, stored, book);
        self.fenced(order, stored, book);
        self.way(order, stored, book);
        if stored.held {
            self.breaks("I7", || format!("order {}: a lease is left", order.number));
        }
    }

    /// I1.
    fn ended(&mut self, order: Order, stored: &Stored) {
        match (stored.state.as_str(), stored.phase.as_deref()) {
            ("COMPLETED", None) => self.completed += 1,
            ("FAILED", None) => self.failed += 1,
            // After ten questions without an answer.
            ("IN_PROGRESS", Some("parked"))
                if order.product == Product::Payout
                    || order.product == Product::Transfer && stored.reconciles >= 10 =>
            {
                self.parked += 1;
            }
            (state, phase) => {
                self.lost += 1;
                let Stored { op_id, fence, .. } = stored;
                self.breaks("I1", || {
                    format!("order {} ({op_id}, fence {fence}) is {state} {phase:?}", order.number)
                });
            }
        }
    }

    /// I2.
    fn one_outcome(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let number = order.number;
        let changes = found(&book.changes, &stored.op_id.as_str());
        let named = |what: &'static str| changes.iter().filter(move |change| change.what == what);
        let (finished, letters) = (named("finished").count(), named("letter").count());
        let bookings = found(&book.bookings, &number);
        let terminal = stored.outcome.is_some();
        let failed = stored.state == "FAILED";
        if finished > 1 || letters > 1 || bookings.len() > 1 {
            self.finalized_twice += 1;
            self.breaks("I2", || {
                format!("order {number}: {finished} outcomes, {letters} dead letters, {bookings:?}")
            });
        }
        if finished != usize::from(terminal) || letters != usize::from(failed) {
            self.breaks("I2", || {
                format!(
                    "order {number} is {}: {finished} outcomes, {letters} letters",
                    stored.state
                )
            });
        }
        let as_written = named("finished").all(|change| change.detail == stored.outcome)
            && named("letter").all(|change| change.detail == stored.failure);
        if !as_written || named("changed").chain(named("removed")).next().is_some() {
            self.outcome_changed += 1;
            self.breaks("I2", || format!("order {number}: its outcome was changed"));
        }
        let expected: &[u64] = match (order.product, stored.state.as_str()) {
            (Product::Capture, "COMPLETED") => &[order.amount],
            (Product::Capture, "FAILED") => &[0],
            _ => &[],
        };
        if bookings != expected {
            self.breaks("I2", || {
                format!("order {number} is {}: booked {bookings:?}", stored.state)
            });
        }
    }

    /// I4.
    fn within_bound(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let number = order.number;
        let calls = found(&book.calls, &number).len() as u64;
        let bound = 1 + stored.retries.unsigned_abs() + stored.lost.unsigned_abs();
        if calls > bound {
            self.calls_beyond_bound += 1;
            self.breaks("I4", || format!("order {number}: {calls} calls, bound {bound}"));
        }
        let log = found(&book.log, &stored.op_id.as_str());
        let effective = |outcome: &'static str| {
            log.iter().filter(move |entry| !entry.late && entry.outcome == outcome)
        };
        let retries = effective("RETRY").count() as i64;
        let lost = effective("IN_DOUBT").filter(|entry| entry.source != "reconcile").count() as i64;
        if (retries, lost) != (stored.retries, stored.lost) {
            self.breaks("I4", || {
                format!(
                    "order {number}: {} retries and {} lost attempts, the log has {retries} and {lost}",
                    stored.retries, stored.lost
                )
            });
        }
    }

    /// I8.
    fn fenced(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let number = order.number;
        let changes = found(&book.changes, &stored.op_id.as_str());
        let mut fences = vec![0];
        for change in changes.iter().filter(|change| change.what == "fence") {
            let (old, new) = (change.old_fence.unwrap_or(-1), change.fence.unwrap_or(-1));
            if new <= old || Some(&old) != fences.last() {
                self.breaks("I8", || format!("order {number}: the fence went from {old} to {new}"));
            }
            fences.push(new);
        }
        let (mut raised, mut renewed) = (0, HashMap::<i64, u64>::new());
        for change in changes {
            match change.what.as_str() {
                "fence" => raised += 1,
                "log" => {
                    let current = fences.get(raised).copied();
                    // A sweep logs what it takes back under the fence of the one it takes from,
                    // and ends what nobody has under a fence of its own.
                    let before = fences.get(raised.wrapping_sub(1)).copied();
                    let own = current.map(|fence| fence + 1);
                    let engine = change.detail.as_deref() == Some("engine");
                    let sweeps = engine && (change.fence == before || change.fence == own);
                    if change.fence != current && !sweeps {
                        self.breaks("I8", || {
                            format!(
                                "order {number}: logged under fence {:?} by {:?}, the current one was {current:?}",
                                change.fence, change.worker
                            )
                        });
                    }
                }
                "renewed" => *renewed.entry(change.fence.unwrap_or(-1)).or_default() += 1,
                "stranger" => self.breaks("I8", || {
                    let Change { worker, detail, .. } = change;
                    format!("order {number}: {detail:?} wrote in the name of {worker:?}")
                }),
                "early" => self.breaks("I7", || {
                    let Change { worker, detail, .. } = change;
                    format!(
                        "order {number}: taken from {worker:?} {detail:?} before the lease's end"
                    )
                }),
                _ => {}
            }
        }
        for (fence, times) in renewed {
            self.renewed += times;
            let asked = book.renewals.get(&(stored.op_id.as_str(), fence)).copied().unwrap_or(0);
            if times > asked {
                self.breaks("I8", || {
                    format!(
                        "order {number}: fence {fence} renewed {times} times, asked for {asked}"
                    )
                });
            }
        }
    }

    /// What the provider has done for orders that the store does not know.
    fn strangers(&mut self, stored: &[Stored], book: &Book<'_>) {
        let keys: HashSet<&str> = stored.iter().map(|stored| stored.idem_key.as_str()).collect();
        for order in book.calls.keys() {
            if !keys.contains(format!("request-{order}").as_str()) {
                self.breaks("I1", || format!("order {order} was called and is not in the store"));
            }
        }
    }

    /// I5.
    fn keys<'a>(&mut self, book: &Book<'a>) {
        let mut orders: HashMap<&str, HashSet<u64>> = HashMap::new();
        let mut keys: HashMap<u64, HashSet<&str>> = HashMap::new();
        let calls = book.calls.values().flatten().map(|call| (call.order, call.key.as_str()));
        let asked = |(order, asked): (&u64, &Vec<(&'a str, _)>)| {
            asked.iter().map(|(key, _)| (*order, *key)).collect::<Vec<_>>()
        };
        for (order, key) in calls.chain(book.reconciles.iter().flat_map(asked)) {
            orders.entry(key).or_default().insert(order);
            keys.entry(order).or_default().insert(key);
        }
        for (key, orders) in orders.iter().filter(|(_, orders)| orders.len() > 1) {
            self.breaks("I5", || format!("{key} was used for orders {orders:?}"));
        }
        for (order, keys) in keys.iter().filter(|(_, keys)| keys.len() > 1) {
            self.breaks("I5", || format!("order {order} came with {} keys", keys.len()));
        }
        let calls: u64 = book.calls.values().map(|calls| calls.len() as u64).sum();
        self.calls = calls;
        self.repeated_calls = calls - book.calls.len() as u64;
        self.reconciles = book.reconciles.values().map(|asked| asked.len() as u64).sum();
        self.late_entries = book.log.values().flatten().filter(|entry| entry.late).count() as u64;
    }

    /// I9: what the store says was paid is what moved, operation by operation and in sum. What an
    /// operation may have done that does not know it itself, uncertain or parked, is set apart.
    fn totals(&mut self, book: &Book<'_>) {
        for stored in book.stored.values().flatten() {
            let Ok(body) = serde_json::from_str::<Body>(&stored.body) else { continue };
            let acts = found(&book.acts, &body.order);
            let moved: u64 = acts.iter().map(|(_, amount, _)| amount).sum();
            if acts.len() > 1 {
                self.breaks("I9", || format!("order {}: paid {} times", body.order, acts.len()));
            }
            if stored.state == "COMPLETED" {
                self.money_in_store += body.amount;
                self.money_in_ledger += moved;
            }
        }
        if self.money_in_store != self.money_in_ledger {
            let (store, ledger) = (self.money_in_store, self.money_in_ledger);
            self.breaks("I9", || format!("the store says {store}, the ledger {ledger}"));
        }
    }
}

fn found_by<'b>(book: &'b Book<'_>, order: u64) -> &'b [&'b Stored] {
    let key = format!("request-{order}");
    book.stored.get(key.as_str()).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;

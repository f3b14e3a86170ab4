//! The independent checker: ledger, store, audit and what clients were told, against twelve rules.
//! It shares no code with the engine. What needs neither the audit nor the seed is
//! [`orch_lab::check`]'s: in the table, the words in italics.
//!
//! | rule | |
//! |---|---|
//! | I1 | *every accepted operation is terminal, or parked as declared*; doubt goes on as declared, and failures are declared ones |
//! | I2 | exactly one terminal outcome, unchanged since it was written |
//! | I3 | each end in the log equals an answer that the provider gave to that worker; *a success is what was given, a certain failure moved no money*, and one is uncertain if and only if doubt stands behind it |
//! | I4 | *calls ≤ 1 + retries + lost attempts, as the store counts them and as its log does* |
//! | I5 | *one provider key per operation, no key twice*; another one only behind definite errors, of a provider that keeps them |
//! | I6 | *same key and body: one operation*; same key, other body: refused |
//! | I7 | no lease is taken back before its end, none stays expired for longer than a lease and two ticks; *at the end none is held*; no claim before its delay or after its deadline |
//! | I8 | fences only grow; no effect under a fence that was not current, or by a stranger |
//! | I9 | *sums of money are equal* |
//! | I10 | one operation for an entity: see [`seats`] |
//! | I11 | effects at a provider of each kind of `Repeat`: see [`contracts`] |
//! | I12 | what the provider tells by itself: see [`messages`] |
//!
//! With two releases of the handlers there are R1–R7 as well: see [`releases`].

use std::collections::{BTreeMap, HashMap, HashSet};

use orch_lab::check::{self, found, plain};
use orch_lab::ledger::Body;
use orch_lab::store::Stored;

use crate::client::Line;
use crate::evidence::{Change, Evidence};
use crate::message::Message;
use crate::order::{Order, Orders, Product, Repeat};
use crate::release::Release;

pub(crate) use contracts::Counts;

mod answers;
mod contracts;
mod forms;
mod messages;
mod releases;
mod seats;
mod way;

/// How many bits of a fence are the id of a claim. The rest counts claims and take-overs; a take-over
/// has the id 0.
const CLAIM_ID_BITS: u32 = 39;

/// What the checker found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// By the rules that every run has, and all breaches.
    pub(crate) found: check::Verdict,
    /// Changed bodies that were refused.
    pub(crate) refused: u64,
    /// Leases that were moved on.
    pub(crate) renewed: u64,
    pub(crate) finalized_twice: u64,
    pub(crate) outcome_changed: u64,
    /// What two releases came to; little is in it in a run with one.
    pub(crate) releases: releases::Counts,
    /// What became of those that want one seat.
    pub(crate) seats: seats::Counts,
    /// What became of the operations of each kind that names a contract.
    pub(crate) contracts: BTreeMap<&'static str, contracts::Counts>,
    /// What became of the provider's messages.
    pub(crate) messages: Counts,
}

/// Holds the evidence against the rules.
pub(crate) fn check(orders: Orders, evidence: &Evidence) -> Verdict {
    let book = Book::of(evidence);
    let may_park = |stored: &Stored, body: Body| match orders.of(body.order_id).product {
        Product::Payout => true,
        // After ten reconciles without an answer.
        Product::Transfer | Product::Seat => stored.reconciles >= 10,
        product if product.has_contract() => contracts::may_park(product, stored),
        // What else is parked breaks R1.
        product => Product::CHANGED.contains(&product),
    };
    let renews_keys = |order_id| contracts::renews_keys(orders, order_id);
    let found = check::check(&evidence.common, may_park, renews_keys);
    let mut verdict = Verdict { found, ..Verdict::default() };
    for (order_id, times) in &evidence.belated {
        let counts = verdict.contracts.entry(orders.of(*order_id).product.event()).or_default();
        *counts.entry("belated_effects").or_default() += times;
    }
    verdict.told(orders, evidence, &book);
    verdict.conflicts(&evidence.lines, &book);
    verdict.seats(orders, evidence, &book);
    verdict.messages(evidence, &book);
    verdict.forms(orders, evidence, &book);
    for stored in &evidence.common.stored {
        // One that cannot be read is a finding already.
        if let Ok(body) = serde_json::from_str::<Body>(&stored.body) {
            verdict.operation(orders.of(body.order_id), body, stored, &book);
        }
    }
    verdict
}

/// The evidence by what it is about.
struct Book<'a> {
    common: check::Book<'a>,
    changes: HashMap<&'a str, Vec<&'a Change>>,
    bookings: HashMap<u64, Vec<u64>>,
    /// How often an owner asked for its lease to be moved on, by operation and fence.
    renewals: HashMap<(&'a str, i64), u64>,
    /// The release of each worker, in a run with two.
    releases: Option<&'a BTreeMap<u32, Release>>,
    /// What the provider told by itself, by order.
    messages: HashMap<u64, Vec<&'a Message>>,
    /// Operations that the engine lists as contradicted.
    divergent: &'a HashSet<String>,
    /// Effects that were set apart, by order.
    belated: &'a HashMap<u64, u64>,
}

impl<'a> Book<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        let mut book = Self {
            common: check::Book::of(&evidence.common),
            changes: HashMap::new(),
            bookings: HashMap::new(),
            renewals: HashMap::new(),
            releases: Some(&evidence.releases).filter(|releases| !releases.is_empty()),
            messages: HashMap::new(),
            divergent: &evidence.divergent,
            belated: &evidence.belated,
        };
        for (op_id, fence) in &evidence.renewals {
            *book.renewals.entry((op_id, *fence)).or_default() += 1;
        }
        for message in &evidence.messages {
            book.messages.entry(message.order_id).or_default().push(message);
        }
        for change in &evidence.changes {
            book.changes.entry(&change.op_id).or_default().push(change);
        }
        for (order, amount) in &evidence.bookings {
            book.bookings.entry(order.cast_unsigned()).or_default().push(amount.cast_unsigned());
        }
        book
    }
}

impl Verdict {
    fn breaks(&mut self, rule: &'static str, what: impl FnOnce() -> String) {
        self.found.breaks(rule, what);
    }

    /// I6: what became of changed bodies.
    fn told(&mut self, orders: Orders, evidence: &Evidence, book: &Book<'_>) {
        let mut refused = HashSet::new();
        for line in &evidence.lines {
            match line {
                Line::Refused { order, op_id } => {
                    self.refused += 1;
                    refused.insert(*order);
                    let stored = found(&book.common.stored, order);
                    if !stored.iter().any(|stored| stored.op_id == plain(op_id)) {
                        self.breaks("I6", || {
                            format!("order {order}: refused for one that is not there")
                        });
                    }
                }
                Line::Fooled { order, .. } => {
                    self.breaks("I6", || format!("order {order}: another body was accepted"));
                }
                Line::Told { .. }
                | Line::Conflict { .. }
                // Of seats.
                | Line::Taken { .. }
                | Line::Redriving { .. }
                | Line::Stuck { .. }
                // Of the kind whose identity changes.
                | Line::OtherForm { .. }
                | Line::LaterForm { .. }
                | Line::Sent { .. }
                | Line::Done { .. } => {}
            }
        }
        for order in book.common.told.keys().filter(|order| !refused.contains(*order)) {
            if orders.of(*order).repeat == Repeat::Changed {
                self.breaks("I6", || format!("order {order}: another body was not refused"));
            }
        }
    }

    fn operation(&mut self, order: Order, body: Body, stored: &Stored, book: &Book<'_>) {
        let sent = (order.body(), order.idem_key(), order.product.event());
        if (body, stored.idem_key.clone(), stored.event.as_str()) != sent {
            self.breaks("I6", || format!("order {}: not as it was sent", body.order_id));
        }
        self.one_outcome(order, stored, book);
        self.as_answered(order, stored, book);
        self.fenced(order, stored, book);
        self.way(order, stored, book);
        self.contract(order, stored, book);
        self.told_later(order, stored, book);
        self.releases(order, stored, book);
    }

    /// I2.
    fn one_outcome(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let number = order.number;
        let changes = found(&book.changes, &stored.op_id.as_str());
        let named = |what: &'static str| changes.iter().filter(move |change| change.what == what);
        let (finished, letters) = (named("finished").count(), named("letter").count());
        let bookings = found(&book.bookings, &number);
        let terminal = stored.outcome.is_some();
        let failed = stored.status == "FAILED";
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
                    stored.status
                )
            });
        }
        let as_written = named("finished").all(|change| change.detail == stored.outcome)
            && named("letter").all(|change| change.detail == stored.failure);
        if !as_written || named("changed").chain(named("removed")).next().is_some() {
            self.outcome_changed += 1;
            self.breaks("I2", || format!("order {number}: its outcome was changed"));
        }
        self.hooked(order, stored, book);
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
        // A message takes over: it logs under a fence above the current one, which is raised to that or beyond.
        let taken_over = |from: Option<i64>, to: Option<i64>| {
            let by_message = |change: &&&Change| {
                change.what == "log" && change.detail.as_deref() == Some("provider")
            };
            let mut entries = changes.iter().filter(by_message);
            entries.any(|entry| from < entry.fence && (to.is_none() || entry.fence <= to))
        };
        let after = |fence: Option<i64>| fences.iter().copied().find(|next| Some(*next) > fence);
        let (mut raised, mut renewed) = (0, HashMap::<i64, u64>::new());
        for change in changes {
            match change.what.as_str() {
                "fence" => raised += 1,
                "log" => {
                    let current = fences.get(raised).copied();
                    // A sweep logs what it takes back under the fence of the one it takes from,
                    // and ends what nobody has under a fence of its own.
                    let before = fences.get(raised.wrapping_sub(1)).copied();
                    let own = current.map(|fence| ((fence >> CLAIM_ID_BITS) + 1) << CLAIM_ID_BITS);
                    let engine = change.detail.as_deref() == Some("engine");
                    let sweeps = engine && (change.fence == before || change.fence == own);
                    // Of an operation that it ends, Postgres has no row any more whose fence it could raise.
                    let counts = |fence: Option<i64>| fence.map(|fence| fence >> CLAIM_ID_BITS);
                    let told = change.detail.as_deref() == Some("provider")
                        && counts(change.fence) == counts(current).map(|count| count + 1)
                        && after(current).is_none_or(|next| change.fence <= Some(next));
                    if change.fence != current && !sweeps && !told {
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
                "early" if taken_over(change.fence, after(change.fence)) => {}
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
}

#[cfg(test)]
mod tests;

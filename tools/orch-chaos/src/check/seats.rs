//! I10, of operations that are to be the only one for their entity: a seat.
//!
//! | told by | |
//! |---|---|
//! | audit | at no time two operations for one seat that have not failed |
//! | ledger | the provider acted once at most for those that have not certainly failed |
//! | clients | a refusal names an operation for this seat, of another request, that is in the store |
//! | clients | nobody is refused for an operation that had failed before the request left |
//! | clients | who was refused has asked again once that one had failed |

use std::collections::{BTreeMap, HashMap};

use orch_lab::check::{found, plain};
use orch_lab::ledger::Body;
use orch_lab::store::{Failure, Stored};

use super::{Book, Verdict};
use crate::client::Line;
use crate::evidence::Evidence;
use crate::order::{Order, Orders, Product};

/// What became of the requests, by name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// The operations that want a seat, by id.
type Wanting<'a> = HashMap<&'a str, (Order, &'a Stored)>;

impl Verdict {
    /// I10.
    pub(super) fn seats(&mut self, orders: Orders, evidence: &Evidence, book: &Book<'_>) {
        let order = |stored: &Stored| {
            let body: Body = serde_json::from_str(&stored.body).ok()?;
            Some(orders.of(body.order_id)).filter(|order| order.product == Product::Seat)
        };
        let all = evidence.common.stored.iter();
        let wanting: Wanting<'_> = all
            .filter_map(|stored| Some((stored.op_id.as_str(), (order(stored)?, stored))))
            .collect();
        self.one_at_a_time(&wanting, evidence);
        self.one_effect(&wanting, book);
        self.refused(orders, &wanting, evidence);
    }

    fn count_seats(&mut self, what: &'static str) {
        *self.seats.entry(what).or_default() += 1;
    }

    /// The audit is in the order of commits where it matters: who makes an operation in the place of a
    /// failed one has seen the dead letter of that.
    fn one_at_a_time(&mut self, wanting: &Wanting<'_>, evidence: &Evidence) {
        let mut holders: HashMap<u64, Vec<&str>> = HashMap::new();
        let mut made = 0;
        for change in &evidence.changes {
            let Some((order, stored)) = wanting.get(change.op_id.as_str()) else { continue };
            let seat = order.seat();
            let there = holders.get(&seat).cloned();
            let holding = holders.entry(seat).or_default();
            match change.what.as_str() {
                "made" => {
                    made += 1;
                    holding.push(stored.op_id.as_str());
                    let held = holding.len();
                    let freed = there.is_some();
                    self.count_seats(if freed { "seats_made_free" } else { "seats" });
                    if stored.redrive > 0 {
                        self.count_seats("seats_redriven");
                    }
                    if held > 1 {
                        self.breaks("I10", || {
                            format!("seat {seat}: {} beside {there:?}, not failed", stored.op_id)
                        });
                    }
                }
                "letter" => holding.retain(|op_id| *op_id != change.op_id),
                _ => {}
            }
        }
        if made != wanting.len() {
            let all = wanting.len();
            self.breaks("I10", || format!("{all} operations for seats, the audit saw {made}"));
        }
    }

    fn one_effect(&mut self, wanting: &Wanting<'_>, book: &Book<'_>) {
        let mut acts: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let counts = |(_, stored): &&(Order, &Stored)| !has_certainly_failed(stored);
        for (order, _) in wanting.values().filter(counts) {
            let acted = found(&book.common.acts, &order.number).iter().map(|_| order.number);
            acts.entry(order.seat()).or_default().extend(acted);
        }
        for (seat, acts) in acts.iter().filter(|(_, acts)| acts.len() > 1) {
            self.breaks("I10", || format!("seat {seat} was paid by orders {acts:?}"));
        }
    }

    fn refused(&mut self, orders: Orders, wanting: &Wanting<'_>, evidence: &Evidence) {
        let mut last: BTreeMap<u64, &str> = BTreeMap::new();
        let ids: Vec<(&Line, String)> = evidence.lines.iter().filter_map(by_id).collect();
        for (line, op_id) in &ids {
            match line {
                Line::Taken { order, .. } => {
                    self.count_seats("seats_refused");
                    last.insert(*order, op_id);
                    let asked = orders.of(*order);
                    let is_anothers = wanting.get(op_id.as_str()).is_some_and(|(holder, _)| {
                        holder.seat() == asked.seat() && holder.idem_key() != asked.idem_key()
                    });
                    if !is_anothers {
                        self.breaks("I10", || {
                            format!(
                                "order {order}: refused for {op_id}, not another's for its seat"
                            )
                        });
                    }
                }
                Line::Told { order, .. } => drop(last.remove(order)),
                Line::Stuck { order, .. } => self.breaks("I10", || {
                    format!("order {order}: refused for {op_id}, which had failed before it asked")
                }),
                _ => {}
            }
        }
        for (order, op_id) in last {
            if wanting.get(op_id).is_some_and(|(_, stored)| stored.status == "FAILED") {
                self.breaks("I10", || format!("order {order}: refused for {op_id}, which failed"));
            }
        }
    }
}

/// What a client was told of an operation, with its id as the store has it.
fn by_id(line: &Line) -> Option<(&Line, String)> {
    match line {
        Line::Taken { op_id, .. } | Line::Told { op_id, .. } | Line::Stuck { op_id, .. } => {
            Some((line, plain(op_id)))
        }
        _ => None,
    }
}

/// True if it says that the provider has not acted.
fn has_certainly_failed(stored: &Stored) -> bool {
    let failure = stored.failure.as_deref().map(serde_json::from_str::<Failure>);
    failure.is_some_and(|failure| failure.is_ok_and(|failure| !failure.uncertain))
}

//! Two releases of the handlers at once, and what must hold then besides I1–I9.
//!
//! | rule | |
//! |---|---|
//! | R1 | nothing is parked that a worker of the new release could run |
//! | R2 | an end has the row of its hook exactly once, if the worker whose call ended it has the hook; while the call of one with the hook is in doubt, none without it calls |
//! | R3 | an equal request of either release is the same operation. An old client that is told that its request is another one, since a new client has stored more than it knows, is counted apart |
//! | R4 | each result reads as the new release's, and says what the release said that kept it |
//! | R5 | what says more than the old release knows is run by the new one alone |
//! | R6 | an operation in doubt that the new release asks about is not run again before it was told that nothing has happened |
//! | R7 | an order is one operation in whichever form of the identity it was accepted, and none is accepted in the first form after the second: see [`super::forms`] |

use std::collections::BTreeMap;

use orch_lab::check::found;
use orch_lab::store::{Logged, Stored};
use serde_json::Value;

use super::way::is_run;
use super::{Book, Verdict};
use crate::client::Line;
use crate::order::{Order, Product};
use crate::recovery::short;
use crate::release::{Release, Slip, fee};
use crate::worker::name;

/// What the releases came to, by name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// After so many reconciles without an answer a kind that asks is parked.
const MAX_RECONCILES: i64 = 10;

impl Book<'_> {
    /// The release of a worker by its name in the store; `None` in a run with one release.
    pub(super) fn release_of(&self, worker: Option<&str>) -> Option<Release> {
        let number = short(worker?).strip_prefix('w')?.parse().ok()?;
        self.releases?.get(&number).copied()
    }

    /// The release of the worker that had the operation last, and whether a finalize hook is owed: by
    /// that worker, or by a call before it that is in doubt.
    fn ended_by(&self, product: Product, stored: &Stored) -> (Option<Release>, bool) {
        let (mut by, mut owed) = (None, false);
        for entry in found(&self.common.log, &stored.op_id.as_str()) {
            let Some(release) = self.release_of(entry.worker.as_deref()) else { continue };
            if entry.late {
                continue;
            }
            by = Some(release);
            owed = match entry.outcome.as_str() {
                "IN_DOUBT" => owed || release.has_hook(product),
                "OK" | "NOT_HAPPENED" => false,
                _ => owed,
            };
        }
        (by, owed || by.unwrap_or(Release::Old).has_hook(product))
    }

    /// True if the provider was called in this attempt. A worker that takes an operation and dies before
    /// it can give it back has not called, and its attempt counts as lost.
    fn was_called(&self, number: u64, entry: &Logged) -> bool {
        let worker = entry.worker.as_deref().map(short);
        found(&self.common.calls, &number).iter().any(|call| {
            let request = &call.request;
            worker == Some(name(request.worker).as_str())
                && i64::from(request.attempt) == entry.attempt
        })
    }
}

/// True if the operation may be parked, by what its kind declares in the new release.
pub(super) fn may_park(product: Product, stored: &Stored) -> bool {
    Release::New.reconciles(product) && stored.reconciles >= MAX_RECONCILES
}

/// True if the payload says something that the old release has no field for.
fn says_more(stored: &Stored) -> bool {
    let body: Value = serde_json::from_str(&stored.body).unwrap_or_default();
    ["note", "coupon"].iter().any(|field| body.get(field).is_some_and(|said| !said.is_null()))
}

impl Verdict {
    pub(super) fn count(&mut self, what: &'static str) {
        *self.releases.entry(what).or_default() += 1;
    }

    /// All but R2, whose first half is where the hooks' rows are compared, and R3.
    pub(super) fn releases(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        if book.releases.is_none() {
            return;
        }
        if stored.phase.as_deref() == Some("parked") && !may_park(order.product, stored) {
            self.count("parked_that_could_run");
            self.breaks("R1", || format!("order {} is parked", order.number));
        }
        self.callers(order, stored, book);
        self.owed(order, stored, book);
        self.result(order, stored, book);
    }

    /// R5.
    fn callers(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let more = says_more(stored);
        for call in found(&book.common.calls, &order.number) {
            match book.releases.and_then(|all| all.get(&call.request.worker)) {
                Some(Release::Old) if more => {
                    self.count("fields_dropped");
                    self.breaks("R5", || {
                        format!("order {}: {} was run by an old worker", order.number, stored.body)
                    });
                }
                Some(Release::Old) => self.count("calls_of_old"),
                Some(Release::New) => self.count("calls_of_new"),
                None => {}
            }
        }
        if more {
            self.count("says_more");
        }
    }

    /// R2, second half, and R6: what doubt forbids to a worker that lacks the part.
    fn owed(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let Order { number, product, .. } = order;
        let log = found(&book.common.log, &stored.op_id.as_str());
        let (mut doubt, mut hook, mut asks) = (false, false, false);
        for entry in log.iter().filter(|entry| !entry.late) {
            let Some(release) = book.release_of(entry.worker.as_deref()) else { continue };
            let calls = is_run(entry) && book.was_called(number, entry);
            if calls && hook && !release.has_hook(product) {
                self.breaks("R2", || format!("order {number}: called without the hook it owes"));
            }
            if is_run(entry) && doubt && (asks || release.reconciles(product)) {
                self.breaks("R6", || format!("order {number}: called again while in doubt"));
            }
            (doubt, hook, asks) = match entry.outcome.as_str() {
                "IN_DOUBT" => {
                    (true, hook || release.has_hook(product), asks || release.reconciles(product))
                }
                "OK" | "NOT_HAPPENED" => (false, false, false),
                _ => (doubt, hook, asks),
            };
        }
    }

    /// R4.
    fn result(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let (number, Some(output)) = (order.number, &stored.output) else { return };
        let (by, _) = book.ended_by(order.product, stored);
        let kept = match (order.product, by) {
            (Product::OutputChanged, Some(Release::New)) => fee(order.amount),
            _ => 0,
        };
        match serde_json::from_str::<Slip>(output) {
            Ok(slip) if (slip.amount, slip.fee) == (order.amount, kept) => match by {
                Some(Release::Old) => self.count("results_of_old"),
                _ => self.count("results_of_new"),
            },
            _ => {
                self.count("results_lost");
                self.breaks("R4", || format!("order {number}: {output}, ended by {by:?}"));
            }
        }
    }

    /// R2, first half, or I2 in a run with one release: the rows that the hook has written.
    pub(super) fn hooked(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let (by, hooked) = book.ended_by(order.product, stored);
        let booked = found(&book.bookings, &order.number);
        let expected: &[u64] = match (hooked, stored.status.as_str()) {
            (true, "COMPLETED") => &[order.amount],
            (true, "FAILED") => &[0],
            _ => &[],
        };
        let rule = if book.releases.is_some() { "R2" } else { "I2" };
        if booked != expected {
            if booked.is_empty() {
                self.count("hooks_skipped");
            }
            self.breaks(rule, || {
                let Order { number, .. } = order;
                format!("order {number} is {}, ended by {by:?}: booked {booked:?}", stored.status)
            });
        } else if stored.is_terminal() && order.product == Product::HookAdded {
            self.count(if hooked { "ends_with_the_hook" } else { "ends_without_the_hook" });
        }
    }

    /// R3, or I6 in a run with one release.
    pub(super) fn conflicts(&mut self, lines: &[Line], book: &Book<'_>) {
        let mut lanes: BTreeMap<u64, [bool; 2]> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Told { order, lane, .. } => {
                    lanes.entry(*order).or_default()[(lane % 2) as usize] = true;
                }
                Line::Conflict { order, op_id, lane } => {
                    let is_old = Release::of_client((*lane).into()) == Release::Old;
                    let knows_less = |stored: &&Stored| {
                        super::plain(op_id) == stored.op_id && is_old && says_more(stored)
                    };
                    let stored = found(&book.common.stored, order);
                    if book.releases.is_some() && stored.iter().copied().any(|it| knows_less(&it)) {
                        self.count("other_version");
                        continue;
                    }
                    let rule = if book.releases.is_some() { "R3" } else { "I6" };
                    self.count("conflicts_of_equals");
                    self.breaks(rule, || format!("order {order}: an equal request was refused"));
                }
                _ => {}
            }
        }
        for _ in lanes.values().filter(|[old, new]| *old && *new) {
            self.count("replayed_across");
        }
    }
}

/// The attempts of the kind, as the worker of its last run declares them.
pub(super) fn max_attempts(product: Product, log: &[&Logged], book: &Book<'_>) -> u32 {
    let last = log.iter().rfind(|entry| is_run(entry));
    let release = last.and_then(|entry| book.release_of(entry.worker.as_deref()));
    release.unwrap_or(Release::New).max_attempts(product)
}

//! R7, of the kind whose identity the new release makes in another form.
//!
//! | told by | |
//! |---|---|
//! | store, clients | an order is one operation, whichever release has asked for it, under the biz key of either form |
//! | ledger | the provider acted once at most for it |
//! | audit | none is accepted in the first form after one in the second |

use std::collections::{BTreeMap, BTreeSet, HashMap};

use orch_lab::check::{found, plain};
use orch_lab::ledger::Body;
use orch_lab::store::Stored;

use super::{Book, Verdict};
use crate::client::Line;
use crate::evidence::Evidence;
use crate::order::{Order, Orders, Product};
use crate::release::Release;

/// The operations of the kind with their orders, by id.
type OfKind<'a> = HashMap<&'a str, (Order, &'a Stored)>;

impl Verdict {
    /// R7.
    pub(super) fn forms(&mut self, orders: Orders, evidence: &Evidence, book: &Book<'_>) {
        if book.releases.is_none() {
            return;
        }
        let order = |stored: &Stored| {
            let body: Body = serde_json::from_str(&stored.body).ok()?;
            Some(orders.of(body.order_id)).filter(|it| it.product == Product::IdentityChanged)
        };
        let all = evidence.common.stored.iter();
        let of_kind: OfKind<'_> = all
            .filter_map(|stored| Some((stored.op_id.as_str(), (order(stored)?, stored))))
            .collect();
        self.one_in_all_forms(orders, &of_kind, evidence);
        self.one_act(&of_kind, book);
        self.first_form_ends(&of_kind, evidence);
        self.count_forms(&of_kind, evidence);
    }

    fn one_in_all_forms(&mut self, orders: Orders, of_kind: &OfKind<'_>, evidence: &Evidence) {
        let mut ids: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for (op_id, (order, stored)) in of_kind {
            ids.entry(order.number).or_default().insert((*op_id).to_owned());
            if form(*order, stored).is_none() {
                self.breaks("R7", || {
                    format!("order {}: {} is in neither form", order.number, stored.biz_key)
                });
            }
        }
        for line in &evidence.lines {
            if let Line::Told { order, op_id, .. } | Line::LaterForm { order, op_id } = line
                && orders.of(*order).product == Product::IdentityChanged
            {
                ids.entry(*order).or_default().insert(plain(op_id));
            }
        }
        for (number, ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
            self.breaks("R7", || format!("order {number} is {} operations: {ids:?}", ids.len()));
        }
    }

    fn one_act(&mut self, of_kind: &OfKind<'_>, book: &Book<'_>) {
        let numbers: BTreeSet<u64> = of_kind.values().map(|(order, _)| order.number).collect();
        for number in numbers {
            let acts = found(&book.common.acts, &number).len();
            if acts > 1 {
                self.breaks("R7", || format!("order {number} was paid {acts} times"));
            }
        }
    }

    /// The audit is in the order in which they were made: the second form is stored behind all accepts in
    /// the first one, and before any in its own.
    fn first_form_ends(&mut self, of_kind: &OfKind<'_>, evidence: &Evidence) {
        let (mut made, mut second) = (0, None);
        for change in evidence.changes.iter().filter(|change| change.what == "made") {
            let Some((order, stored)) = of_kind.get(change.op_id.as_str()) else { continue };
            made += 1;
            match (form(*order, stored), second) {
                (Some(Release::New), None) => second = Some(order.number),
                (Some(Release::Old), Some(second)) => self.breaks("R7", || {
                    let number = order.number;
                    format!("order {number} was accepted in the first form after order {second}")
                }),
                _ => {}
            }
        }
        if made != of_kind.len() {
            let all = of_kind.len();
            self.breaks("R7", || format!("{all} operations of the kind, the audit saw {made}"));
        }
    }

    fn count_forms(&mut self, of_kind: &OfKind<'_>, evidence: &Evidence) {
        for (order, stored) in of_kind.values() {
            match form(*order, stored) {
                Some(Release::Old) => self.count("accepted_in_the_old_form"),
                Some(Release::New) => self.count("accepted_in_the_new_form"),
                None => {}
            }
        }
        let mut across = BTreeSet::new();
        for line in &evidence.lines {
            match line {
                Line::OtherForm { .. } => self.count("refused_in_the_old_form"),
                Line::LaterForm { op_id, .. } => drop(across.insert(plain(op_id))),
                _ => {}
            }
        }
        let is_old = |op_id: &&String| {
            let there = of_kind.get(op_id.as_str());
            there.is_some_and(|(order, stored)| form(*order, stored) == Some(Release::Old))
        };
        for _ in across.iter().filter(is_old) {
            self.count("found_across_forms");
        }
    }
}

/// The release in whose form the identity of an operation is.
fn form(order: Order, stored: &Stored) -> Option<Release> {
    if stored.biz_key == order.biz_key() {
        return Some(Release::Old);
    }
    (stored.biz_key == order.later_biz_key()).then_some(Release::New)
}

//! What came of a run: the answers to clients, the provider's ledger and the database that is left,
//! compared without any code of the engine's.

use std::collections::{BTreeMap, BTreeSet};

use orch_lab::check::plain;
use orch_lab::ledger::Entry;
use orch_lab::store::{Failure, Stored};

use super::client::Told;
use super::handlers::Kind;
use super::orders::Orders;

/// What processes wrote down, and what is left.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) told: Vec<Told>,
    pub(crate) ledger: Vec<Entry>,
    pub(crate) stored: Vec<Stored>,
    /// When each promotion was requested, in microseconds since 1970.
    pub(crate) promoted_at: Vec<i64>,
    pub(crate) operations: u64,
}

/// Figures by name, and the orders that some of them are about.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) named: BTreeMap<&'static str, BTreeSet<u64>>,
}

/// All that is known of an order.
#[derive(Debug, Default)]
struct Known<'e> {
    /// The operations that clients were told.
    told: BTreeSet<String>,
    /// The operation that is left.
    stored: Option<&'e Stored>,
    calls: u64,
    acts: u64,
}

impl Evidence {
    pub(crate) fn figures(&self, orders: Orders) -> Figures {
        let mut figures = Figures::default();
        for (number, known) in &self.by_order() {
            known.judge(*number, orders.kind(*number), &mut figures);
        }
        let counts = &mut figures.counts;
        counts.insert("operations", self.operations);
        counts.insert("calls", self.calls().count() as u64);
        counts.insert("promotions", self.promoted_at.len() as u64);
        let accepts = self.told.iter().map(|told| told.at);
        resumed(&self.promoted_at, accepts, counts, ["accept_median_ms", "accept_worst_ms"]);
        resumed(&self.promoted_at, self.calls(), counts, ["claim_median_ms", "claim_worst_ms"]);
        figures
    }

    fn by_order(&self) -> BTreeMap<u64, Known<'_>> {
        let mut orders: BTreeMap<u64, Known<'_>> =
            (0..self.operations).map(|number| (number, Known::default())).collect();
        for told in &self.told {
            orders.entry(told.order).or_default().told.insert(plain(&told.op_id));
        }
        for stored in &self.stored {
            let number = stored.idem_key.strip_prefix("request-").and_then(|n| n.parse().ok());
            if let Some(number) = number {
                orders.entry(number).or_default().stored = Some(stored);
            }
        }
        for entry in &self.ledger {
            match entry {
                Entry::Call(call) => {
                    orders.entry(call.request.body.order_id).or_default().calls += 1;
                }
                Entry::Act { order_id, .. } => orders.entry(*order_id).or_default().acts += 1,
                Entry::Answered { .. } | Entry::Reconciled { .. } => {}
            }
        }
        orders
    }

    /// When each call came in.
    fn calls(&self) -> impl Iterator<Item = i64> {
        self.ledger.iter().filter_map(|entry| match entry {
            Entry::Call(call) => Some(call.at),
            _ => None,
        })
    }
}

impl Known<'_> {
    fn judge(&self, number: u64, kind: Kind, figures: &mut Figures) {
        let left = self.stored.map(|stored| stored.op_id.as_str());
        let lost = self.told.iter().filter(|op_id| Some(op_id.as_str()) != left).count() as u64;
        figures.add("acknowledged", u64::from(!self.told.is_empty()), None);
        figures.add("lost", lost, Some(number));
        // A client that was told of the loss has sent it again.
        let is_left = left.is_some_and(|op_id| self.told.contains(op_id));
        figures.add("never_repeated", u64::from(!is_left), Some(number));
        let is_parked = self.stored.is_some_and(|it| it.phase.as_deref() == Some("parked"));
        let is_terminal = self.stored.is_some_and(Stored::is_terminal);
        figures.add("parked", u64::from(is_parked), None);
        figures.add("unfinished", u64::from(!is_parked && !is_terminal), Some(number));
        let is_done = self.stored.is_some_and(|it| it.status == "COMPLETED");
        figures.add("completed_unpaid", u64::from(is_done && self.acts == 0), Some(number));
        let failure = self.stored.and_then(|stored| stored.failure.as_deref());
        let is_certain = failure
            .and_then(|json| serde_json::from_str::<Failure>(json).ok())
            .is_some_and(|failure| !failure.uncertain);
        figures.add("failed", u64::from(failure.is_some()), None);
        figures.add("certainly_failed", u64::from(is_certain && self.acts > 0), Some(number));
        match kind {
            Kind::Keyed => {
                figures.add("paid_twice", self.acts.saturating_sub(1), Some(number));
                let allowed = self.stored.map_or(1, |it| 1 + (it.retries + it.lost).unsigned_abs());
                let beyond = self.calls.saturating_sub(allowed);
                figures.add("calls_beyond_bound", beyond, Some(number));
            }
            Kind::Unsafe => {
                let again = self.calls.saturating_sub(1);
                figures.add("called_again", again, Some(number));
                let after_a_lost_accept = if lost > 0 { again } else { 0 };
                figures.add("called_again_after_a_lost_accept", after_a_lost_accept, None);
            }
        }
    }
}

impl Figures {
    fn add(&mut self, name: &'static str, count: u64, number: Option<u64>) {
        *self.counts.entry(name).or_default() += count;
        if let Some(number) = number.filter(|_| count > 0) {
            self.named.entry(name).or_default().insert(number);
        }
    }
}

/// From each promotion to the first of these instants after it: the median and the worst.
fn resumed(
    promoted_at: &[i64],
    instants: impl Iterator<Item = i64>,
    counts: &mut BTreeMap<&'static str, u64>,
    [median, worst]: [&'static str; 2],
) {
    let instants: BTreeSet<i64> = instants.collect();
    let first = |at: &i64| instants.range(at..).next().map(|next| (next - at).unsigned_abs());
    // A promotion after which nothing came would be the worst of all: then there is no figure.
    let spans: Option<Vec<u64>> = promoted_at.iter().map(first).collect();
    let mut spans = spans.unwrap_or_default();
    spans.sort_unstable();
    if let (Some(middle), Some(last)) = (spans.get(spans.len() / 2), spans.last()) {
        counts.insert(median, middle / 1_000);
        counts.insert(worst, last / 1_000);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orch_lab::ledger::{Body, Call, Receipt, Request};

    use super::*;

    const ORDERS: Orders =
        Orders { seed: 1, kinds: &[Kind::Keyed, Kind::Unsafe], budget: Duration::ZERO };

    fn told(order: u64, op_id: &str, at: i64) -> Told {
        Told { order, op_id: op_id.into(), at, losses: 0 }
    }

    fn stored(number: u64, op_id: &str, lost: i64) -> Stored {
        Stored {
            op_id: op_id.into(),
            biz_key: format!("ORDER-{number}"),
            idem_key: format!("request-{number}"),
            event: "CHARGE".into(),
            body: String::new(),
            redrive: 0,
            accepted_at: 0,
            status: "COMPLETED".into(),
            phase: None,
            held: false,
            fence: 1,
            retries: 0,
            lost,
            reconciles: 0,
            output: None,
            failure: None,
            outcome: None,
        }
    }

    fn paid(order_id: u64, at: i64) -> [Entry; 2] {
        let body = Body { order_id, amount: 1 };
        let request = Request { key: "k".into(), body, attempt: 1, worker: 1 };
        let receipt = Receipt { receipt_id: "r".into(), amount: 1 };
        [
            Entry::Call(Call { call: 1, nth: 1, at, belated: false, request }),
            Entry::Act { call: 1, order_id, key: "k".into(), receipt },
        ]
    }

    #[test]
    fn what_is_lost_and_what_is_done_twice_is_counted_and_named() {
        let evidence = Evidence {
            told: vec![told(0, "a", 5), told(0, "b", 2_000_000), told(2, "c", 7)],
            ledger: [paid(0, 1), paid(0, 3_000_000), paid(2, 1), paid(2, 2)].concat(),
            stored: vec![stored(0, "b", 1), stored(2, "c", 0)],
            promoted_at: vec![1_000_000],
            operations: 3,
        };
        let figures = evidence.figures(ORDERS);
        for (name, count) in [
            ("acknowledged", 2),
            ("lost", 1),
            ("never_repeated", 1),
            ("unfinished", 1),
            ("paid_twice", 1),
            ("calls_beyond_bound", 0),
            ("called_again", 1),
            ("completed_unpaid", 0),
            ("called_again_after_a_lost_accept", 0),
            ("accept_worst_ms", 1_000),
            ("claim_median_ms", 2_000),
        ] {
            assert_eq!(figures.counts.get(name), Some(&count), "{name}");
        }
        assert_eq!(figures.named["lost"], [0].into());
        assert_eq!(figures.named["never_repeated"], [1].into());
    }

    #[test]
    fn a_failure_that_claims_to_know_is_found() {
        let failure = r#"{"code":"TIME_BUDGET_EXCEEDED","uncertain":false,"called":false}"#;
        let failed = Stored { failure: Some(failure.into()), ..stored(0, "a", 0) };
        let evidence = Evidence {
            told: vec![told(0, "a", 5)],
            ledger: paid(0, 1).into(),
            stored: vec![failed],
            promoted_at: Vec::new(),
            operations: 1,
        };
        assert_eq!(evidence.figures(ORDERS).counts["certainly_failed"], 1);
    }
}

//! The comparison at the end: the gateway's ledger, which orch never sees, against the store,
//! which the gateway never sees.

use std::collections::{BTreeMap, HashMap, HashSet};

use orch::{OpId, ProviderKey};

use crate::charge::Receipt;
use crate::ledger::{CallEntry, ChargeEntry, Entry};

/// An operation as the store tells it at the end.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) op_id: OpId,
    pub(crate) order_id: u64,
    pub(crate) amount: u64,
    pub(crate) end: End,
    /// Attempts that asked for another one.
    pub(crate) retries: u64,
    /// Attempts whose end nobody knows.
    pub(crate) lost_attempts: u64,
    /// Answers that came after their attempt was taken over.
    pub(crate) late_answers: u64,
    /// Ends that took effect although their attempt had been taken over: none, ever.
    pub(crate) stale_writes: u64,
}

/// Where an operation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Completed(Receipt),
    Failed {
        code: String,
        /// The provider may have acted all the same: somebody has to look.
        uncertain: bool,
    },
    Unfinished(String),
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) accepted: u64,
    pub(crate) completed: u64,
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) retries: u64,
    pub(crate) lost_attempts: u64,
    pub(crate) late_answers: u64,
    /// Calls that the gateway received.
    pub(crate) calls: u64,
    /// Those of them whose key had called before.
    pub(crate) repeated_calls: u64,
    /// What COMPLETED operations say they charged.
    pub(crate) amount_stored: u64,
    /// What the ledger says was charged, without the uncertain failures.
    pub(crate) amount_charged: u64,
    /// FAILED operations that say themselves that the provider may have acted.
    pub(crate) uncertain: u64,
    /// Those of them that have a charge in the ledger.
    pub(crate) uncertain_charged: u64,
    /// Accepted operations that are not there, or have no end.
    pub(crate) lost: u64,
    /// Orders with more than one charge in the ledger.
    pub(crate) charged_twice: u64,
    /// Operations for which store and ledger tell different stories.
    pub(crate) mismatches: u64,
    /// Operations that called more often than `1 + retries + lost attempts`.
    pub(crate) beyond_bound: u64,
    /// A line for each of the above.
    pub(crate) findings: Vec<String>,
}

impl Verdict {
    pub(crate) fn amounts_equal(&self) -> bool {
        self.amount_stored == self.amount_charged
    }

    /// True if ledger and store agree in everything.
    pub(crate) fn ledger_matches(&self) -> bool {
        let wrong = self.lost + self.charged_twice + self.mismatches + self.beyond_bound;
        wrong == 0 && self.amounts_equal()
    }

    pub(crate) fn failed_total(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// Compares what clients were promised (`accepted`, by order), what the store says, and what the
/// gateway wrote down.
pub(crate) fn compare(
    accepted: &HashMap<u64, OpId>,
    stored: &[Stored],
    ledger: &[Entry],
) -> Verdict {
    let book = Book::of(ledger);
    let mut verdict = Verdict {
        accepted: accepted.len() as u64,
        calls: book.calls.values().map(|calls| calls.len() as u64).sum(),
        repeated_calls: book.repeated_calls(),
        ..Verdict::default()
    };
    verdict.missing_operations(accepted, stored);
    for operation in stored {
        verdict.operation(operation, &book);
    }
    verdict.charges_of_nobody(stored, &book);
    verdict.double_charges(&book);
    if !verdict.amounts_equal() {
        let Verdict { amount_stored, amount_charged, .. } = verdict;
        let finding = format!("amounts: store {amount_stored}, ledger {amount_charged}");
        verdict.findings.push(finding);
    }
    verdict
}

/// The ledger by order.
#[derive(Default)]
struct Book<'a> {
    calls: HashMap<u64, Vec<&'a CallEntry>>,
    charges: HashMap<u64, Vec<&'a ChargeEntry>>,
}

impl<'a> Book<'a> {
    fn of(ledger: &'a [Entry]) -> Self {
        let mut book = Self::default();
        for entry in ledger {
            match entry {
                Entry::Call(call) => book.calls.entry(call.order_id).or_default().push(call),
                Entry::Charge(charge) => {
                    book.charges.entry(charge.order_id).or_default().push(charge);
                }
            }
        }
        book
    }

    fn repeated_calls(&self) -> u64 {
        let calls = || self.calls.values().flatten();
        let keys: HashSet<_> = calls().map(|call| &call.key).collect();
        (calls().count() - keys.len()) as u64
    }

    fn calls(&self, order_id: u64) -> &[&'a CallEntry] {
        self.calls.get(&order_id).map_or(&[], Vec::as_slice)
    }

    fn charges(&self, order_id: u64) -> &[&'a ChargeEntry] {
        self.charges.get(&order_id).map_or(&[], Vec::as_slice)
    }
}

impl Verdict {
    fn missing_operations(&mut self, accepted: &HashMap<u64, OpId>, stored: &[Stored]) {
        let there: HashSet<_> = stored.iter().map(|s| (s.order_id, s.op_id)).collect();
        for (order_id, op_id) in accepted {
            if !there.contains(&(*order_id, *op_id)) {
                self.lost += 1;
                self.findings.push(format!("order {order_id}: {op_id} is gone or unreadable"));
            }
        }
        for operation in stored {
            if accepted.get(&operation.order_id) != Some(&operation.op_id) {
                self.mismatch(operation, "an operation that no client knows");
            }
        }
    }

    fn operation(&mut self, operation: &Stored, book: &Book<'_>) {
        self.retries += operation.retries;
        self.lost_attempts += operation.lost_attempts;
        self.late_answers += operation.late_answers;
        if operation.stale_writes > 0 {
            self.mismatch(operation, "a worker that had lost its lease wrote an outcome");
        }
        let charges = book.charges(operation.order_id);
        let charged: u64 = charges.iter().map(|charge| charge.amount).sum();
        match &operation.end {
            End::Completed(receipt) => {
                self.completed += 1;
                self.amount_stored += receipt.amount;
                self.amount_charged += charged;
                self.completed_as_charged(operation, receipt, charges);
            }
            End::Failed { code, uncertain } => {
                *self.failed.entry(code.clone()).or_default() += 1;
                if *uncertain {
                    self.uncertain += 1;
                    self.uncertain_charged += u64::from(!charges.is_empty());
                } else {
                    self.amount_charged += charged;
                    if !charges.is_empty() {
                        self.mismatch(operation, &format!("FAILED ({code}), yet charged"));
                    }
                }
            }
            End::Unfinished(status) => {
                self.lost += 1;
                self.amount_charged += charged;
                let order_id = operation.order_id;
                self.findings.push(format!("order {order_id}: not finished, but {status}"));
            }
        }
        self.calls_within_bound(operation, book.calls(operation.order_id));
    }

    fn completed_as_charged(
        &mut self,
        operation: &Stored,
        receipt: &Receipt,
        charges: &[&ChargeEntry],
    ) {
        match charges {
            [] => self.mismatch(operation, "COMPLETED, yet never charged"),
            // More than one is counted as charged twice.
            [charge, ..] => {
                if !charges.iter().any(|charge| charge.receipt_id == receipt.receipt_id) {
                    self.mismatch(operation, "the receipt is not that of the charge");
                }
                if charge.amount != operation.amount || receipt.amount != operation.amount {
                    self.mismatch(operation, "the amount charged is not the amount ordered");
                }
            }
        }
    }

    fn calls_within_bound(&mut self, operation: &Stored, calls: &[&CallEntry]) {
        let key = <ProviderKey>::text_of(operation.op_id, 0);
        if calls.iter().any(|call| call.key != key) {
            self.mismatch(operation, "called with a key that is not the operation's");
        }
        let bound = 1 + operation.retries + operation.lost_attempts;
        if calls.len() as u64 > bound {
            self.beyond_bound += 1;
            let Stored { order_id, .. } = operation;
            self.findings.push(format!("order {order_id}: {} calls, bound {bound}", calls.len()));
        }
    }

    fn charges_of_nobody(&mut self, stored: &[Stored], book: &Book<'_>) {
        let known: HashSet<_> = stored.iter().map(|operation| operation.order_id).collect();
        for (order_id, charges) in book.charges.iter().filter(|(id, _)| !known.contains(id)) {
            self.mismatches += 1;
            self.amount_charged += charges.iter().map(|charge| charge.amount).sum::<u64>();
            self.findings.push(format!("order {order_id}: charged, yet not in the store"));
        }
    }

    fn double_charges(&mut self, book: &Book<'_>) {
        for (order_id, charges) in book.charges.iter().filter(|(_, charges)| charges.len() > 1) {
            self.charged_twice += 1;
            self.findings.push(format!("order {order_id}: charged {} times", charges.len()));
        }
    }

    fn mismatch(&mut self, operation: &Stored, what: &str) {
        self.mismatches += 1;
        self.findings.push(format!("order {}: {what}", operation.order_id));
    }
}

#[cfg(test)]
mod tests;

//! The way of an operation through its log, entry by entry: what its kind declares about doubt,
//! failure and delay.

use std::time::Duration;

use orch_lab::check::found;
use orch_lab::store::{Failure, Logged, Stored};

use super::releases::max_attempts;
use super::{Book, Verdict};
use crate::evidence::Change;
use crate::handlers::{BACKOFF_BASE, BACKOFF_CAP};
use crate::order::{HURRY, Order, Product};

/// Clocks of a database may count in whole milliseconds, downwards.
const TRUNCATED: i64 = 1_000;
/// A claim reads the clock when it begins and is recorded when it writes.
const CLAIMING: Duration = Duration::from_millis(500);

impl Verdict {
    /// I1: nothing is left in the log, doubt goes on as declared. I3: a failure is uncertain if
    /// and only if doubt stands behind it. I7: nothing begins before its delay or after its
    /// deadline.
    pub(super) fn way(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let number = order.number;
        let log: Vec<&Logged> = found(&book.common.log, &stored.op_id.as_str())
            .iter()
            .copied()
            .filter(|e| !e.late)
            .collect();
        let (mut doubt, mut done_already) = (false, false);
        for entry in &log {
            if entry.pending {
                self.found.lost += 1;
                self.breaks("I1", || format!("order {number}: an outcome was never finalized"));
            }
            if doubt && is_run(entry) && !order.product.may_run_in_doubt() {
                self.breaks("I1", || format!("order {number} ran again while nobody knew"));
            }
            if done_already && is_run(entry) {
                self.breaks("I1", || format!("order {number} ran again though it was done"));
            }
            doubt = match (entry.outcome.as_str(), entry.source.as_str()) {
                ("IN_DOUBT" | "STILL_RUNNING" | "ALREADY_DONE", _) => true,
                // Another operation has done it.
                ("NOT_HAPPENED", _) if done_already => true,
                ("OK" | "NOT_HAPPENED", _) | ("FAIL", "reconcile") => false,
                _ => doubt,
            };
            done_already |= entry.outcome == "ALREADY_DONE";
        }
        if stored.phase.as_deref() == Some("parked") && !doubt {
            self.breaks("I1", || format!("order {number} is parked, and there was no doubt"));
        }
        if let Some(Ok(failure)) = stored.failure.as_deref().map(serde_json::from_str) {
            self.failed_as_declared(order, &failure, &log, doubt, book);
        }
        self.in_time(order, stored, book, &log);
    }

    fn failed_as_declared(
        &mut self,
        order: Order,
        failure: &Failure,
        log: &[&Logged],
        doubt: bool,
        book: &Book<'_>,
    ) {
        let (number, code) = (order.number, failure.code.as_str());
        let runs = log.iter().filter(|entry| is_run(entry)).count();
        let declared = match code {
            "DECLINED" => {
                log.iter().any(|entry| entry.source != "engine" && entry.outcome == "FAIL")
            }
            "IN_DOUBT" => matches!(order.product, Product::Notice | Product::ActsFailed),
            "ALREADY_DONE" => {
                order.product.asks() && log.iter().any(|entry| entry.outcome == "ALREADY_DONE")
            }
            "TIME_BUDGET_EXCEEDED" => order.hurried,
            "ATTEMPTS_EXHAUSTED" => runs >= max_attempts(order.product, log, book) as usize,
            _ => false,
        };
        if !declared {
            self.breaks("I1", || {
                format!("order {number} ({:?}) FAILED with {code} in {runs} runs", order.product)
            });
        }
        // A message that it was refused is about one call: certain or not, the ledger judges.
        let by_message = log.last().is_some_and(|entry| entry.source == "provider");
        if failure.uncertain != doubt && !(by_message && doubt) {
            self.breaks("I3", || {
                let uncertain = failure.uncertain;
                format!("order {number}: {code}, uncertain {uncertain}, and doubt {doubt}")
            });
        }
    }

    fn in_time(&mut self, order: Order, stored: &Stored, book: &Book<'_>, log: &[&Logged]) {
        let number = order.number;
        let changes = found(&book.changes, &stored.op_id.as_str());
        let claims: Vec<&Change> = changes.iter().copied().filter(|c| c.is_claim()).collect();
        for entry in log {
            let delayed = entry.outcome == "RETRY"
                || entry.outcome == "IN_DOUBT" && order.product.runs_in_doubt();
            let next = claims.iter().find(|claim| claim.fence > Some(entry.fence));
            if let Some(claim) = next.filter(|_| delayed)
                && claim.at + TRUNCATED < entry.logged_at + least_delay(entry.attempt)
            {
                self.breaks("I7", || {
                    let early = claim.at - entry.logged_at;
                    let (attempt, outcome) = (entry.attempt, &entry.outcome);
                    format!("order {number}: {early} us from {outcome} {attempt} to the next claim")
                });
            }
        }
        let deadline = stored.accepted_at + micros(HURRY + CLAIMING);
        if let Some(claim) = claims.iter().find(|claim| order.hurried && claim.at > deadline) {
            self.breaks("I7", || {
                let after = claim.at - stored.accepted_at;
                format!("order {number} was claimed {after} us after it was accepted")
            });
        }
    }
}

/// True if the handler ran, or may have run.
pub(super) fn is_run(entry: &Logged) -> bool {
    entry.source == "handler" || entry.source == "engine" && entry.outcome == "IN_DOUBT"
}

impl Product {
    /// True if doubt is followed by another run with the same key.
    pub(super) fn runs_in_doubt(self) -> bool {
        match self {
            Self::Charge | Self::Capture | Self::KeepsEverything | Self::KeepsEffects => true,
            Self::ReconcileAdded => false,
            product => Self::CHANGED.contains(&product),
        }
    }

    /// The same, or one release asks first and the other does not: then R6 says when.
    fn may_run_in_doubt(self) -> bool {
        self.runs_in_doubt() || self == Self::ReconcileAdded
    }
}

/// What the handlers declare, without jitter.
fn least_delay(attempt: i64) -> i64 {
    let doublings = attempt.clamp(1, 10).unsigned_abs() as u32 - 1;
    micros((BACKOFF_BASE * 2_u32.pow(doublings)).min(BACKOFF_CAP))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

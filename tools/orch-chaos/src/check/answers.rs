//! I3: what the store says was answered, against what the provider gave.

use super::{Book, Verdict, found};
use crate::evidence::{Failure, Logged, Stored};
use crate::handlers::Receipt;
use crate::ledger::Answer;
use crate::order::Order;
use crate::recovery::short;
use crate::worker::name;

impl Verdict {
    /// I3, and what a failure says of itself.
    pub(super) fn as_answered(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let number = order.number;
        let acts = found(&book.acts, &number);
        let log = found(&book.log, &stored.op_id.as_str());
        for entry in log.iter().filter(|entry| !entry.late) {
            if !was_given(order, entry, book) {
                self.breaks("I3", || {
                    let Logged { outcome, source, worker, attempt, .. } = entry;
                    format!(
                        "order {number}: nobody gave {worker:?} {outcome} ({source}, {attempt})"
                    )
                });
            }
        }
        let answered = log.iter().filter(|entry| !entry.late && entry.outcome == "OK").count();
        let completed = usize::from(stored.state == "COMPLETED");
        if answered != completed || usize::from(stored.output.is_some()) != completed {
            self.breaks("I3", || {
                let (state, output) = (&stored.state, &stored.output);
                format!(
                    "order {number} is {state} with {output:?}, {answered} successes are logged"
                )
            });
        }
        if let Some(output) = &stored.output {
            let real = serde_json::from_str::<Receipt>(output).is_ok_and(|given| {
                let one =
                    |act: &(&str, u64, &str)| (act.1, act.2) == (given.amount, &given.receipt);
                given.order == number && given.amount == order.amount && acts.iter().any(one)
            });
            if !real {
                self.breaks("I3", || format!("order {number}: {output} was never given"));
            }
        }
        let Some(failure) = &stored.failure else { return };
        let Ok(failure) = serde_json::from_str::<Failure>(failure) else {
            return self.breaks("I3", || format!("order {number}: {failure} cannot be read"));
        };
        self.uncertain += u64::from(failure.uncertain);
        if !failure.uncertain && !acts.is_empty() {
            self.breaks("I3", || format!("order {number}: FAILED ({}), yet done", failure.code));
        }
        if !failure.called && !found(&book.calls, &number).is_empty() {
            self.breaks("I3", || format!("order {number}: said not to be called, and was"));
        }
    }
}

/// True if the provider had said this by then: to a run, to this very worker in this attempt.
fn was_given(order: Order, entry: &Logged, book: &Book<'_>) -> bool {
    let worker = entry.worker.as_deref().map(short);
    let own = |call: &u32, attempt: &u32| {
        worker == Some(name(*call).as_str()) && i64::from(*attempt) == entry.attempt
    };
    let told = |said: fn(&Answer) -> bool| {
        let answers = found(&book.answers, &order.number);
        answers.iter().any(|(call, at, answer)| {
            own(&call.worker, &call.attempt) && *at <= entry.logged_at && said(answer)
        })
    };
    let asked = |said: fn(&Answer) -> bool| {
        found(&book.reconciles, &order.number).iter().any(|(_, answer)| said(answer))
    };
    match (entry.source.as_str(), entry.outcome.as_str()) {
        ("handler", "OK") => told(|answer| matches!(answer, Answer::Done { .. })),
        ("handler", "FAIL") => told(|answer| *answer == Answer::Declined),
        // Or it could not reach the provider.
        ("handler", "RETRY") => {
            let calls = found(&book.calls, &order.number);
            told(|answer| *answer == Answer::Busy)
                || !calls.iter().any(|call| own(&call.worker, &call.attempt))
        }
        ("reconcile", "OK") => asked(|answer| matches!(answer, Answer::Done { .. })),
        ("reconcile", "NOT_HAPPENED") => asked(|answer| *answer == Answer::NotHappened),
        ("handler" | "reconcile" | "engine", "IN_DOUBT") | ("engine", "FAIL") => true,
        _ => false,
    }
}

//! I3: what the log says was answered, against what the provider gave.

use orch_lab::check::found;
use orch_lab::ledger::Answer;
use orch_lab::store::{Logged, Stored};

use super::{Book, Verdict};
use crate::message::Says;
use crate::order::Order;
use crate::recovery::short;
use crate::worker::name;

impl Verdict {
    /// Each end in the log was given, and the one success is the operation's.
    pub(super) fn as_answered(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let number = order.number;
        let log = found(&book.common.log, &stored.op_id.as_str());
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
        if answered != usize::from(stored.status == "COMPLETED") {
            let status = &stored.status;
            self.breaks("I3", || {
                format!("order {number} is {status}, {answered} successes are logged")
            });
        }
    }
}

/// True if the provider had said this by then: to a run, to this very worker in this attempt; or in a message.
fn was_given(order: Order, entry: &Logged, told: &Book<'_>) -> bool {
    let book = &told.common;
    let worker = entry.worker.as_deref().map(short);
    let own = |call: &u32, attempt: &u32| {
        worker == Some(name(*call).as_str()) && i64::from(*attempt) == entry.attempt
    };
    let answered = |said: fn(&Answer) -> bool| {
        let answers = found(&book.answers, &order.number);
        answers.iter().any(|(call, at, answer)| {
            own(&call.request.worker, &call.request.attempt)
                && *at <= entry.logged_at
                && said(answer)
        })
    };
    let wrote = |says: fn(&Says) -> bool| {
        let messages = found(&told.messages, &order.number);
        messages.iter().any(|message| message.written_at <= entry.logged_at && says(&message.says))
    };
    let asked = |said: fn(&Answer) -> bool| {
        found(&book.reconciles, &order.number).iter().any(|(_, answer)| said(answer))
    };
    match (entry.source.as_str(), entry.outcome.as_str()) {
        ("handler", "OK") => answered(|answer| matches!(answer, Answer::Done(_))),
        ("handler", "FAIL") => answered(|answer| *answer == Answer::Declined),
        // Or it could not reach the provider.
        ("handler", "RETRY") => {
            let calls = found(&book.calls, &order.number);
            answered(|answer| matches!(answer, Answer::Busy | Answer::Refused))
                || !calls.iter().any(|call| own(&call.request.worker, &call.request.attempt))
        }
        ("handler", "STILL_RUNNING") => answered(|answer| *answer == Answer::Refused),
        ("handler", "ALREADY_DONE") => answered(|answer| *answer == Answer::Duplicate),
        ("reconcile", "FAIL") => asked(|answer| *answer == Answer::Declined),
        ("provider", "OK") => wrote(|says| matches!(says, Says::Happened { .. })),
        ("provider", "FAIL") => wrote(|says| *says == Says::Refused),
        ("provider", "NOT_HAPPENED") => wrote(|says| *says == Says::NotHappened),
        ("reconcile", "OK") => asked(|answer| matches!(answer, Answer::Done(_))),
        ("reconcile", "NOT_HAPPENED") => asked(|answer| *answer == Answer::NotHappened),
        ("handler" | "reconcile" | "engine", "IN_DOUBT") | ("engine", "FAIL") => true,
        _ => false,
    }
}

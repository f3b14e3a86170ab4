//! I12, of what the provider tells by itself.
//!
//! | told by | |
//! |---|---|
//! | receivers, store | a message that was recorded is kept, and the same once |
//! | store, engine | it was applied; or it waits, nobody has told its reference, and the engine lists it |
//! | store | that something was refused for certain is believed in doubt only where doubt is called again, and behind one call only; elsewhere the provider is asked. That it has not happened is never believed |
//! | store | the log of the operation has what it says that has happened, or was refused |
//! | ledger, engine | an operation is listed as contradicted only if the provider or a message has contradicted its end |
//! | messages, engine | one that failed is listed so if a message says that it has happened |
//!
//! That ends agree with the ledger is checked by I3, I9 and I11, for every source of an end.

use std::collections::{HashMap, HashSet};

use orch_lab::check::found;
use orch_lab::ledger::{Answer, Receipt};
use orch_lab::store::{Failure, Logged, Stored};

use super::way::is_run;
use super::{Book, Verdict};
use crate::evidence::{Evidence, Kept};
use crate::message::{About, Message, Says};
use crate::order::Order;

/// What receivers may be told.
const TOLD: [&str; 4] = ["applied", "late", "kept", "known"];

impl Verdict {
    /// I12, message by message.
    pub(super) fn messages(&mut self, evidence: &Evidence, book: &Book<'_>) {
        let messages: HashMap<u64, &Message> =
            evidence.messages.iter().map(|message| (message.id, message)).collect();
        let mut kept: HashMap<_, Vec<&Kept>> = HashMap::new();
        for row in &evidence.kept {
            kept.entry(row.content()).or_default().push(row);
        }
        for (content, rows) in kept.iter().filter(|(_, rows)| rows.len() > 1) {
            self.breaks("I12", || format!("{content:?} is kept {} times", rows.len()));
        }
        let mut noted = HashSet::new();
        for note in &evidence.noted {
            match TOLD.iter().find(|told| **told == note.told) {
                Some(told) => self.count_told(told),
                None => self.breaks("I12", || format!("message {}: {}", note.id, note.told)),
            }
            let Some(message) = messages.get(&note.id).filter(|_| noted.insert(note.id)) else {
                continue;
            };
            match found(&kept, &message.content()) {
                [] => self.breaks("I12", || format!("{message:?} was {} and is gone", note.told)),
                [row, ..] => self.kept(message, row, evidence, book),
            }
        }
        let left = messages.len() - noted.len();
        if left > 0 {
            self.breaks("I12", || format!("{left} messages were never recorded"));
        }
    }

    fn kept(&mut self, message: &Message, row: &Kept, evidence: &Evidence, book: &Book<'_>) {
        let listed = evidence.unmatched.contains(&row.source);
        match (&row.op_id, row.waits) {
            (Some(_), true) => {
                self.breaks("I12", || format!("{message:?} was never applied"));
            }
            (None, true) if listed => {
                self.count_told("unmatched");
                if message.about == About::Operation {
                    self.breaks("I12", || format!("{message:?} waits for an operation it names"));
                }
            }
            (None, _) => {
                self.breaks("I12", || format!("{message:?} is about nothing, and is not listed"));
            }
            (Some(op_id), false) => {
                let log = found(&book.common.log, &op_id.as_str());
                let outcome = message.says.outcome();
                let entry = log.iter().any(|it| it.source == "provider" && it.outcome == outcome);
                if !entry && message.says != Says::NotHappened {
                    self.breaks("I12", || format!("{message:?} is not in the log"));
                }
            }
        }
    }

    /// I12, of one operation: what ended it, and what contradicts that.
    pub(super) fn told_later(&mut self, order: Order, stored: &Stored, book: &Book<'_>) {
        let (number, op_id) = (order.number, stored.op_id.as_str());
        let log = found(&book.common.log, &op_id);
        let by_provider = || log.iter().filter(|entry| entry.source == "provider");
        for entry in by_provider().filter(|entry| !entry.late) {
            self.count_told(match entry.outcome.as_str() {
                "OK" => "completed_by_a_message",
                "FAIL" => "failed_by_a_message",
                _ => "not_happened_believed",
            });
        }
        self.believed(order, stored, log);
        let failed = stored.status == "FAILED";
        let diverges = book.divergent.contains(op_id);
        if failed && !diverges && by_provider().any(|entry| entry.outcome == "OK") {
            self.breaks("I12", || format!("order {number} failed, was told of, and is not listed"));
        }
        if diverges {
            self.count_told("divergent");
            let acted =
                !found(&book.common.acts, &number).is_empty() || book.belated.contains_key(&number);
            if !(failed && acted || !failed && self.contradicted(number, book)) {
                let status = &stored.status;
                self.breaks("I12", || {
                    format!("order {number} is {status}, and listed for nothing")
                });
            }
        }
    }

    /// I12: what a message may be too old to say.
    fn believed(&mut self, order: Order, stored: &Stored, log: &[&Logged]) {
        let uncertain = stored.failure.as_deref().map(serde_json::from_str::<Failure>);
        let uncertain = uncertain.is_some_and(|failure| failure.is_ok_and(|it| it.uncertain));
        let (mut doubt, mut runs) = (false, 0);
        for entry in log.iter().filter(|entry| !entry.late) {
            let is_about_the_only_call = order.product.runs_in_doubt() && runs == 1;
            let too_much = match entry.outcome.as_str() {
                "NOT_HAPPENED" => true,
                "FAIL" => !uncertain && !is_about_the_only_call,
                _ => false,
            };
            if entry.source == "provider" && too_much && doubt {
                self.breaks("I12", || {
                    let (number, outcome) = (order.number, &entry.outcome);
                    format!("order {number}: a message was believed ({outcome}) after {runs} runs")
                });
            }
            runs += u32::from(is_run(entry));
            doubt = match entry.outcome.as_str() {
                "IN_DOUBT" | "STILL_RUNNING" | "ALREADY_DONE" => true,
                "OK" | "NOT_HAPPENED" => false,
                _ => doubt,
            };
        }
    }

    /// True if somebody was told that the order has not happened, or there were two effects.
    fn contradicted(&self, number: u64, book: &Book<'_>) -> bool {
        let not = |answer: &Answer| matches!(answer, Answer::Declined | Answer::NotHappened);
        found(&book.messages, &number).iter().any(|message| message.says.outcome() != "OK")
            || found(&book.common.answers, &number).iter().any(|(_, _, answer)| not(answer))
            || found(&book.common.reconciles, &number).iter().any(|(_, answer)| not(answer))
            || book.belated.contains_key(&number)
    }

    fn count_told(&mut self, what: &'static str) {
        *self.messages.entry(what).or_default() += 1;
    }
}

/// What tells a message from others: its reference, what it says, and of which receipt.
type Content = ([String; 3], String, Option<String>);

impl Message {
    fn content(&self) -> Content {
        let receipt = match &self.says {
            Says::Happened { receipt } => Some(receipt.receipt_id.clone()),
            Says::Refused | Says::NotHappened => None,
        };
        (self.reference(), self.says.outcome().to_owned(), receipt)
    }
}

impl Kept {
    fn content(&self) -> Content {
        let Self { provider, account, reference, outcome, output, .. } = self;
        let receipt =
            output.as_deref().and_then(|output| serde_json::from_str::<Receipt>(output).ok());
        let reference = [provider, account, reference].map(String::clone);
        (reference, outcome.clone(), receipt.map(|receipt| receipt.receipt_id))
    }
}

//! What is kept behind a key, and what a call that repeats it gets.

use super::Reply;
use crate::ledger::{Answer, Receipt};

/// What a call gets that repeats a key, or a reference, of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// The first answer, whatever it was.
    Everything,
    /// The answer of what has acted, or was declined.
    Finals,
    /// The answer of what has acted. Otherwise it may act, though one was declined before; but not once a
    /// later attempt has called, since it could do what the caller has given up.
    Effects,
    /// An answer that said success. Behind an answer that was lost it acts again.
    Successes,
    /// A refusal, whether or not the first one has acted; only *busy* leaves the key unused.
    Refused,
    /// It acts again: keys mean nothing.
    Acts,
}

/// One key.
#[derive(Debug, Default)]
pub(super) struct Key {
    reconciles: u32,
    /// Calls that are worked on.
    at_work: u32,
    newest_attempt: u32,
    /// A caller was told that calls of attempts up to this one have not acted.
    closed: u32,
    declined: bool,
    done: Option<Receipt>,
    /// What a repeated call gets.
    kept: Option<Answer>,
}

impl Key {
    /// True for a call of which a caller was told before that it has not acted.
    pub(super) const fn is_belated(&self, attempt: u32) -> bool {
        attempt <= self.closed
    }

    /// What a call is told that is not to be carried out; `None` for one that is.
    pub(super) fn arrives(&mut self, repeats: Repeats, attempt: u32) -> Option<Answer> {
        let overtaken = repeats == Repeats::Effects && attempt < self.newest_attempt;
        self.newest_attempt = self.newest_attempt.max(attempt);
        let told = match &self.kept {
            _ if repeats == Repeats::Acts => None,
            Some(answer) => Some(answer.clone()),
            None if self.is_belated(attempt) => Some(Answer::Declined),
            None if self.at_work > 0 || overtaken => Some(Answer::Refused),
            None => None,
        };
        self.at_work += u32::from(told.is_none());
        told
    }

    /// It has acted, whatever the caller will hear.
    pub(super) fn acted(&mut self, repeats: Repeats, receipt: &Receipt) {
        self.done.get_or_insert_with(|| receipt.clone());
        match repeats {
            Repeats::Successes | Repeats::Acts => {}
            Repeats::Refused => self.kept = Some(Answer::Duplicate),
            _ => self.kept = Some(Answer::Done(receipt.clone())),
        }
    }

    /// A call was carried out to its end.
    pub(super) fn carried(&mut self, repeats: Repeats, reply: &Reply) {
        self.at_work = self.at_work.saturating_sub(1);
        let Reply::Answer(answer) = reply else {
            if repeats == Repeats::Refused {
                self.kept = Some(Answer::Duplicate);
            }
            return;
        };
        self.declined |= *answer == Answer::Declined;
        let keeps = match repeats {
            Repeats::Everything => true,
            Repeats::Finals => *answer == Answer::Declined,
            Repeats::Successes => matches!(answer, Answer::Done(_)),
            Repeats::Refused => {
                let unused = *answer == Answer::Busy;
                self.kept = self.kept.take().or((!unused).then_some(Answer::Duplicate));
                false
            }
            Repeats::Effects | Repeats::Acts => false,
        };
        if keeps {
            self.kept.get_or_insert_with(|| answer.clone());
        }
    }

    /// What is true now. Nobody relies on it: what arrives later is treated as before.
    pub(super) fn stands(&self) -> Answer {
        match &self.done {
            Some(receipt) => Answer::Done(receipt.clone()),
            None if self.declined => Answer::Declined,
            None => Answer::NotHappened,
        }
    }

    /// What a caller of this attempt is told who asks. Having been told that nothing has happened, it relies on
    /// that: what arrives later is declined, except where keys mean nothing.
    pub(super) fn asked(
        &mut self,
        repeats: Repeats,
        attempt: u32,
        evades: impl FnOnce(u32) -> bool,
    ) -> Answer {
        self.reconciles += 1;
        match &self.done {
            _ if self.at_work > 0 || evades(self.reconciles) => Answer::Unanswered,
            Some(receipt) => Answer::Done(receipt.clone()),
            None if self.declined && repeats == Repeats::Refused => Answer::Declined,
            None => {
                self.closed = self.closed.max(attempt);
                Answer::NotHappened
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt { receipt_id: "receipt-1".into(), amount: 5 }
    }

    /// What a second call gets, and a caller that asks, where the first one ended so. `None` is carried out.
    fn after(repeats: Repeats, acts: bool, reply: &Reply) -> (Option<Answer>, Answer) {
        let mut key = Key::default();
        assert_eq!(key.arrives(repeats, 1), None);
        if acts {
            key.acted(repeats, &receipt());
        }
        key.carried(repeats, reply);
        let repeated = key.arrives(repeats, 2);
        key.at_work = 0;
        (repeated, key.asked(repeats, 2, |_| false))
    }

    #[test]
    fn a_repeated_call_gets_what_is_kept() {
        use Repeats::{Acts, Effects, Everything, Finals, Refused, Successes};
        let done = Answer::Done(receipt());
        let [answered, busy, declined] =
            [done.clone(), Answer::Busy, Answer::Declined].map(Reply::Answer);
        for (repeats, after_done, after_a_lost_one, after_busy, after_declined, after_nothing) in [
            (
                Everything,
                Some(&done),
                Some(&done),
                Some(&Answer::Busy),
                Some(&Answer::Declined),
                None,
            ),
            (Finals, Some(&done), Some(&done), None, Some(&Answer::Declined), None),
            (Effects, Some(&done), Some(&done), None, None, None),
            (Successes, Some(&done), None, None, None, None),
            (Acts, None, None, None, None, None),
        ] {
            let repeated = |acts, reply| after(repeats, acts, reply).0;
            assert_eq!(repeated(true, &answered).as_ref(), after_done, "{repeats:?}");
            assert_eq!(repeated(true, &Reply::HangUp).as_ref(), after_a_lost_one, "{repeats:?}");
            assert_eq!(repeated(false, &busy).as_ref(), after_busy, "{repeats:?}");
            assert_eq!(repeated(false, &declined).as_ref(), after_declined, "{repeats:?}");
            assert_eq!(repeated(false, &Reply::HangUp).as_ref(), after_nothing, "{repeats:?}");
        }
        for (acts, reply) in
            [(true, &answered), (true, &Reply::HangUp), (false, &declined), (false, &Reply::HangUp)]
        {
            assert_eq!(after(Refused, acts, reply).0, Some(Answer::Duplicate), "{reply:?}");
        }
        assert_eq!(after(Refused, false, &busy).0, None);
    }

    #[test]
    fn who_asks_is_told_what_has_acted_whatever_is_kept() {
        for repeats in [Repeats::Everything, Repeats::Successes, Repeats::Refused, Repeats::Acts] {
            assert_eq!(after(repeats, true, &Reply::HangUp).1, Answer::Done(receipt()));
            assert_eq!(after(repeats, false, &Reply::HangUp).1, Answer::NotHappened);
        }
        let declined = Reply::Answer(Answer::Declined);
        assert_eq!(after(Repeats::Refused, false, &declined).1, Answer::Declined);
    }

    #[test]
    fn what_arrives_after_not_happened_is_declined_unless_keys_mean_nothing() {
        for (repeats, told) in [(Repeats::Successes, Some(Answer::Declined)), (Repeats::Acts, None)]
        {
            let mut key = Key::default();
            assert_eq!(key.asked(repeats, 1, |_| false), Answer::NotHappened);
            assert!(key.is_belated(1) && !key.is_belated(2));
            assert_eq!(key.arrives(repeats, 1), told);
        }
    }

    #[test]
    fn while_one_call_is_worked_on_another_one_is_refused_unless_keys_mean_nothing() {
        for (repeats, told) in [(Repeats::Everything, Some(Answer::Refused)), (Repeats::Acts, None)]
        {
            let mut key = Key::default();
            key.arrives(repeats, 1);
            assert_eq!(key.arrives(repeats, 2), told);
            assert_eq!(key.asked(repeats, 2, |_| false), Answer::Unanswered);
        }
    }
}

//! Somebody else's API, and what a worker learns of it.

use std::time::Duration;

use orch_core::policies::{CallFacts, HandlerEnd, may_call};
use orch_core::words::{AttemptEnd, Outcome};

use crate::columns::instant;
use crate::world::{Claim, End, Verdict, World};
use crate::{Mistake, Rules};

/// What the provider does with one call, and what the worker hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It acts and says so.
    Done,
    /// It looks at the key, and declines for good.
    Declined,
    /// It refuses for good before it has looked at the key, as an API whose access has run out.
    Refused,
    /// It does nothing: try later.
    Busy,
    /// It acts, and no answer comes.
    ActsSilently,
    /// It does nothing, and no answer comes.
    Nothing,
}

impl Reply {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Done, Self::Declined, Self::Refused, Self::Busy, Self::ActsSilently, Self::Nothing];
}

impl World {
    /// Whether a run may call, by production's rule, with what its worker was told.
    #[must_use]
    pub fn may_call(&self, rules: &Rules, claim: Claim) -> bool {
        let declared = rules.declared(claim.op);
        let facts = CallFacts {
            unresolved: claim.first_called_at.is_some(),
            first_called_at: instant(claim.first_called_at.unwrap_or(self.now)),
            calls_until: instant(self.now),
            effect: declared.effect(),
            in_doubt: declared.in_doubt,
            key_lifetime: declared.key_lifetime.map(|ticks| Duration::from_secs(ticks.into())),
        };
        rules.has(Mistake::KeyLifeIgnored) || may_call(&facts).is_ok()
    }

    /// One call under the provider key. `None` if the provider would not answer so: a key that
    /// it knows gets the answer that it got before.
    pub fn call(&mut self, rules: &Rules, claim: Claim, reply: Reply) -> Option<End> {
        let superseded = self.is_superseded(claim);
        let (now, declared) = (self.now, rules.declared(claim.op));
        let book = &mut self.books[claim.op];
        let key =
            if rules.has(Mistake::KeyPerAttempt) { claim.fence } else { claim.key_generation };
        let known = book.answered.filter(|(answered, _, until)| {
            declared.honours_keys() && *answered == key && until.is_none_or(|until| now <= until)
        });
        let acts = match (reply, known) {
            (Reply::Done | Reply::ActsSilently, Some((_, false, _))) => return None,
            (Reply::Declined, Some((_, true, _))) => return None,
            (Reply::Done | Reply::ActsSilently, None) => true,
            _ => false,
        };
        book.key_changed |= book.unanswered.is_some_and(|unanswered| unanswered != key);
        book.calls += 1;
        if acts {
            book.acts += 1;
            book.acted_after_denial |= book.denied && superseded;
        }
        if known.is_none() && (acts || reply == Reply::Declined) {
            let until = declared.key_lifetime.map(|ticks| now + ticks);
            book.answered = Some((key, acts, until));
        }
        // A retry and a refusal say nothing of the calls before them.
        match reply {
            Reply::ActsSilently | Reply::Nothing => book.unanswered = Some(key),
            Reply::Busy | Reply::Refused => {}
            Reply::Done | Reply::Declined => book.unanswered = None,
        }
        Some(match reply {
            Reply::Done => End::Ok,
            Reply::Declined | Reply::Refused => failed(rules, claim, reply == Reply::Declined),
            Reply::Busy => End::Retry,
            Reply::ActsSilently | Reply::Nothing => End::InDoubt,
        })
    }

    /// A question to the provider. What it says is true; it need not say anything.
    pub fn ask(&mut self, op: usize, answers: bool) -> End {
        if !answers {
            return End::InDoubt;
        }
        if self.has_acted(op) { End::Ok } else { End::NotHappened }
    }

    /// Looks whether the provider has acted; whoever looked may rely on what was there. A call
    /// that is still on its way is not in those books.
    pub fn has_acted(&mut self, op: usize) -> bool {
        let book = &mut self.books[op];
        book.denied |= book.acts == 0;
        book.acts > 0
    }

    /// True if somebody else has taken the operation over since this claim.
    #[must_use]
    pub fn is_superseded(&self, claim: Claim) -> bool {
        self.rows[claim.op].as_ref().is_none_or(|row| row.claims != claim.claims)
    }
}

/// A handler's failure as it is stored, by production's rule.
fn failed(rules: &Rules, claim: Claim, clears_doubt: bool) -> End {
    let verdict = Verdict { uncertain: false, called: true };
    let unresolved = claim.first_called_at.is_some() && !rules.has(Mistake::RefusalClearsDoubt);
    let run = HandlerEnd { clears_doubt, ..End::Failed(verdict).attempt_end().into() };
    match run.of_operation(unresolved, rules.declared(claim.op).effect()) {
        AttemptEnd::Outcome(Outcome::Fail(failure)) => {
            End::Failed(Verdict { uncertain: failure.uncertain, ..verdict })
        }
        _ => End::InDoubt,
    }
}

//! Somebody else's API, and what a worker learns of it.

use crate::world::{Claim, End, Verdict, World};
use crate::{Mistake, Rules};

/// What the provider does with one call, and what the worker hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It acts and says so.
    Done,
    /// It declines, for good.
    Declined,
    /// It does nothing: try later.
    Busy,
    /// It acts, and no answer comes.
    ActsSilently,
    /// It does nothing, and no answer comes.
    Nothing,
}

impl Reply {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Done, Self::Declined, Self::Busy, Self::ActsSilently, Self::Nothing];
}

impl World {
    /// One call under the provider key. `None` if the provider would not answer so: a key that
    /// it knows gets the answer that it got before.
    pub fn call(&mut self, rules: &Rules, claim: Claim, reply: Reply) -> Option<End> {
        let superseded = self.is_superseded(claim);
        let book = &mut self.books[claim.op];
        let key = if rules.has(Mistake::KeyPerAttempt) { claim.fence.get() } else { 0 };
        let known = book
            .answered
            .filter(|(answered, _)| rules.declared(claim.op).honours_keys() && *answered == key);
        let acts = match (reply, known) {
            (Reply::Done | Reply::ActsSilently, Some((_, acted))) if !acted => return None,
            (Reply::Declined, Some((_, true))) => return None,
            (Reply::Done | Reply::ActsSilently, None) => true,
            _ => false,
        };
        if book.key != Some(key) {
            (book.key, book.keys) = (Some(key), book.keys + 1);
        }
        book.calls += 1;
        if acts {
            book.acts += 1;
            book.acted_after_denial |= book.denied && superseded;
        }
        if acts || reply == Reply::Declined {
            book.answered = Some((key, acts || known.is_some_and(|(_, acted)| acted)));
        }
        Some(match reply {
            Reply::Done => End::Ok,
            Reply::Declined => End::Failed(Verdict { uncertain: false, called: true }),
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

    /// Looks whether the provider has acted; whoever looked may rely on what was there.
    pub fn has_acted(&mut self, op: usize) -> bool {
        let book = &mut self.books[op];
        book.denied |= book.acts == 0;
        book.acts > 0
    }

    /// True if somebody else has taken the operation over since this claim.
    #[must_use]
    pub fn is_superseded(&self, claim: Claim) -> bool {
        self.rows[claim.op].as_ref().is_none_or(|row| row.turn != claim.turn)
    }
}

use std::time::Duration;

use serde::Serialize;

use super::{Entry, Message};
use crate::policies::{InDoubt, KindPolicy};
use crate::words::{AttemptEnd, ClaimId, Failure, Fence, Invalid, Kind, Payload, Source, WorkerId};

/// What has happened to an operation. A fact is named after the verb of the store that brings it.
///
/// `logged` is the entry that the log holds under the fact's fence, late ones left out.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// A worker claims it.
    Claimed {
        /// The rules of the worker's handler; they are written into the row.
        policy: &'a KindPolicy,
        /// Who claims.
        worker: &'a WorkerId,
        /// What tells this claim from those of other calls.
        id: ClaimId,
        /// How long the lease lasts unless renewed.
        lease: Duration,
        /// The incarnation since which histories are whole; others are not claimed.
        whole_since: u32,
    },
    /// The holder of a claim renews its lease.
    Renewed {
        /// The fence of the claim.
        fence: Fence,
        /// How long the lease lasts from now.
        lease: Duration,
    },
    /// A claim is given back without an attempt.
    Released {
        /// The fence of the claim.
        fence: Fence,
        /// Why.
        reason: &'a ReleaseReason,
        /// What the log holds under the fence.
        logged: Option<&'a Entry>,
    },
    /// An attempt or a reconcile has ended: into the log, to be finalized later.
    Logged(Ended<'a>),
    /// An attempt or a reconcile has ended: into the log, and the row follows.
    Settled(Ended<'a>),
    /// The row follows what is logged.
    Finalized {
        /// The fence that it is logged under.
        fence: Fence,
        /// What the log holds under the fence.
        logged: Option<&'a Entry>,
        /// True if the kind's finalize hook is at hand. Where the row owes one and it is not, an end
        /// that is terminal waits for a worker that has it.
        has_hook: bool,
    },
    /// The finalize hook failed: what is logged stays so, and is tried again later.
    HookFailed {
        /// The fence that it is logged under.
        fence: Fence,
        /// What the log holds under the fence.
        logged: Option<&'a Entry>,
        /// The hook's error, storable.
        error: &'a str,
        /// 0 to 1: where in the jitter of the backoff the next try falls.
        jitter: f64,
    },
    /// A lease has run out.
    LeaseExpired {
        /// 0 to 1: where in the jitter of the backoff the next attempt falls.
        jitter: f64,
    },
    /// The time budget is spent.
    BudgetSpent {
        /// The rules of the sweeping worker's handler, if it has one: the row of an operation that
        /// was never run knows neither a hook nor how long it is kept.
        policy: Option<&'a KindPolicy>,
        /// The incarnation since which histories are whole; others are not ended.
        whole_since: u32,
    },
    /// The database has lost a part of its history: an attempt may have been made of which the row
    /// knows nothing.
    HistoryLost {
        /// The rules of the worker's handler, for what follows doubt.
        policy: &'a KindPolicy,
        /// The incarnation since which histories are whole.
        whole_since: u32,
        /// True if the database is a copy, and the operation belongs to the original.
        copied: bool,
    },
    /// An operator has decided about a parked operation.
    Resolved {
        /// The fence as it was read.
        fence: Fence,
        /// What the log holds under the fence: PENDING if the operation is parked for its finalize
        /// hook.
        logged: Option<&'a Entry>,
        /// The decision.
        resolution: &'a Resolution,
        /// Who decided and why, storable.
        note: &'a str,
        /// The kinds that have a finalize hook, as far as is known where it was decided: one that a
        /// deploy has added since the operation was parked runs too.
        hooked_kinds: &'a [Kind],
        /// The incarnation since which histories are whole: the operator answers for what was
        /// before.
        whole_since: u32,
    },
    /// The provider has told what happened, in a message of its own.
    Answered {
        /// The message.
        message: &'a Message<'a>,
        /// What the log holds under the row's fence.
        logged: Option<&'a Entry>,
    },
    /// An operator wants a failed operation to run again as a new one.
    Redriven {
        /// True although the provider may have acted.
        even_if_uncertain: bool,
        /// True if an answer that came too late said that the provider has acted.
        late_success: bool,
    },
    /// The row, or what is logged for it, cannot be decoded.
    Undecodable {
        /// What is wrong, without the content.
        reason: &'a str,
    },
}

/// An attempt, or a reconcile, that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The fence of its claim.
    pub fence: Fence,
    /// Handler or reconcile.
    pub source: Source,
    /// How it ended.
    pub end: &'a AttemptEnd,
    /// The backoff from now, what the provider asked for included.
    pub delay: Duration,
    /// What the log holds under the fence.
    pub logged: Option<&'a Entry>,
}

/// What a claimed operation is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Run the handler: `attempt` has gone up.
    Attempt,
    /// Ask the provider what happened: `attempt` has not, the operation is in doubt.
    Reconcile,
}

impl Purpose {
    /// What an operation is claimed for. While doubt remains, in whatever phase, it is reconciled
    /// if its row declares that or the claimer does: where a deploy changed the declaration, a
    /// reconcile is safe and an attempt may not be. (A handler without a reconcile parks what is
    /// to be reconciled.)
    #[must_use]
    pub fn of(unresolved: bool, row: InDoubt, claimer: InDoubt) -> Self {
        let declared = row == InDoubt::Reconcile || claimer == InDoubt::Reconcile;
        if unresolved && declared { Self::Reconcile } else { Self::Attempt }
    }

    /// The declaration that a claim for this purpose writes into the row.
    #[must_use]
    pub fn declares(self, claimer: InDoubt) -> InDoubt {
        match self {
            Self::Attempt => claimer,
            Self::Reconcile => InDoubt::Reconcile,
        }
    }
}

/// Why a claimed operation was given back without an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The worker shuts down: due again at once.
    Unstarted,
    /// This worker lacks what it needs, and one of another version may have it: its payload is not what
    /// the handler takes, or there is no hook or reconcile for it. Due again after a pause; parked
    /// with this reason once no worker has run it for [`UNHANDLED_PARKED_AFTER`], and claimable all the
    /// same while its time budget lasts.
    ///
    /// [`UNHANDLED_PARKED_AFTER`]: crate::policies::UNHANDLED_PARKED_AFTER
    Unhandled {
        /// What is missing, without the content.
        reason: String,
    },
    /// It must not be run: another call could act twice. Parked, with this reason.
    Unrunnable {
        /// What is wrong, without the content, and what an operator can do.
        reason: String,
    },
}

impl ReleaseReason {
    /// Why, as text to read; `None` where the worker only shuts down.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Unstarted => None,
            Self::Unhandled { reason } | Self::Unrunnable { reason } => Some(reason),
        }
    }
}

/// An operator's decision about a parked operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// The provider did it: COMPLETED with this output, [`Resolution::ok`] of what the handler
    /// would have returned. It is not checked against that type: who waits decodes it.
    Ok(Payload),
    /// It did not: FAILED.
    Fail(Failure),
    /// Run it again: due at once, with a fresh time budget, fresh reconciles, and as many executions
    /// that use up no attempt as at first. Its attempts go on counting, so with none left a retry fails
    /// it. Not for one whose outcome is logged and that
    /// is parked for its finalize hook.
    RunAgain,
    /// Run its finalize hook again, with the outcome that is logged. Only for an operation that is
    /// parked for its hook.
    RunHook,
    /// End it with the outcome that is logged, without its finalize hook: what the hook was to write is
    /// never written by orch. Only for an operation that is parked for its hook.
    SkipHook,
}

impl Resolution {
    /// The provider did it: COMPLETED with this output, a value as the handler returns it.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`] if the output has no JSON form.
    pub fn ok<T: Serialize + ?Sized>(output: &T) -> Result<Self, Invalid> {
        Payload::json(output).map(Self::Ok)
    }

    /// It did not: FAILED, for certain, with a code for programs and a sentence to read.
    #[must_use]
    pub fn fail(code: &str, message: &str) -> Self {
        Self::Fail(Failure::new(code, message))
    }
}

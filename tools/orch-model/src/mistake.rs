use orch_core::policies::InDoubt;

use crate::invariants::{I1, I2, I3, I4, I5, I6, I7, I8, I9};
use crate::rules::MAX_ATTEMPTS;
use crate::{Declared, Rules};

/// A mistake in a store, in the machine or in a worker. Each has been made before; a model that does
/// not find them says nothing about their absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// Log and settle do not compare the fence.
    LogIgnoresFence,
    /// Renew does not compare the fence.
    RenewIgnoresFence,
    /// Finalize does not compare the fence: it takes what is logged, whoever logged it.
    FinalizeIgnoresFence,
    /// Release does not compare the fence.
    ReleaseIgnoresFence,
    /// Log and settle compare the count of the fence, but not the id of the claim.
    LogIgnoresClaimId,
    /// Renew compares the count only.
    RenewIgnoresClaimId,
    /// Release compares the count only.
    ReleaseIgnoresClaimId,
    /// A claim does not look whether the database has lost a part of the operation's history.
    EarlierIsClaimed,
    /// The sweep of time budgets does not look for that.
    EarlierEndsPlainly,
    /// An attempt that may be missing is not counted as lost.
    MissingAttemptNotCounted,
    /// A claim does not raise the fence.
    ClaimKeepsFence,
    /// A release gives the fence back with the attempt.
    ReleaseLowersFence,
    /// An operator's decision does not raise the fence.
    OperatorKeepsFence,
    /// A claimed operation stays due.
    ClaimedStaysDue,
    /// A claim does not count the attempt.
    AttemptNotCounted,
    /// The Reaper does not count the attempt that it takes for lost.
    LostAttemptNotCounted,
    /// The log keeps the lease, so that the Reaper takes a logged outcome for lost.
    LogKeepsLease,
    /// The Finalizer runs an operation again instead of finalizing what is logged.
    FinalizerCallsAgain,
    /// The Finalizer looks at operations without a hook only.
    FinalizerSkipsHooked,
    /// The hook's writes are committed before the state is.
    HookOutsideTransaction,
    /// An answer that comes after the end replaces it.
    LateAnswerReplacesEnd,
    /// No unique identity: each accept stores what it is given.
    AcceptWithoutIdentity,
    /// The Reaper compares leases with its own host's clock, which is ahead.
    ReaperReadsOwnClock,
    /// The Reaper leaves questions to the provider alone.
    ReaperSkipsQuestions,
    /// The sweep of time budgets takes what is running.
    BudgetSweepTakesRunning,
    /// An unanswered question is followed by another run.
    QuestionFallsThrough,
    /// An operation whose hook is given up is not parked.
    GivenUpHookIsNotParked,
    /// A parked operation stays due.
    ParkedStaysDue,
    /// A timeout counts as an answer: "it was never sent".
    DoubtTakenForNo,
    /// A refusal of one call clears doubt about the calls before it.
    RefusalClearsDoubt,
    /// A later retry clears earlier doubt.
    RetryClearsDoubt,
    /// Each attempt has a provider key of its own.
    KeyPerAttempt,
    /// A retry brings a new key although an earlier call may have taken effect.
    NewKeyInDoubt,
    /// A retry brings a new key once the provider has said that it had not acted, although the
    /// call that was lost may still be on its way.
    NewKeyAfterDenial,
    /// A run in doubt calls with a key that the provider may have forgotten.
    KeyLifeIgnored,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 35] = [
        Self::LogIgnoresFence,
        Self::RenewIgnoresFence,
        Self::FinalizeIgnoresFence,
        Self::ReleaseIgnoresFence,
        Self::LogIgnoresClaimId,
        Self::RenewIgnoresClaimId,
        Self::ReleaseIgnoresClaimId,
        Self::EarlierIsClaimed,
        Self::EarlierEndsPlainly,
        Self::MissingAttemptNotCounted,
        Self::ClaimKeepsFence,
        Self::ReleaseLowersFence,
        Self::OperatorKeepsFence,
        Self::ClaimedStaysDue,
        Self::AttemptNotCounted,
        Self::LostAttemptNotCounted,
        Self::LogKeepsLease,
        Self::FinalizerCallsAgain,
        Self::FinalizerSkipsHooked,
        Self::HookOutsideTransaction,
        Self::LateAnswerReplacesEnd,
        Self::AcceptWithoutIdentity,
        Self::ReaperReadsOwnClock,
        Self::ReaperSkipsQuestions,
        Self::BudgetSweepTakesRunning,
        Self::QuestionFallsThrough,
        Self::GivenUpHookIsNotParked,
        Self::ParkedStaysDue,
        Self::DoubtTakenForNo,
        Self::RefusalClearsDoubt,
        Self::RetryClearsDoubt,
        Self::KeyPerAttempt,
        Self::NewKeyInDoubt,
        Self::NewKeyAfterDenial,
        Self::KeyLifeIgnored,
    ];

    /// The invariant that it breaks.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::FinalizerSkipsHooked
            | Self::QuestionFallsThrough
            | Self::GivenUpHookIsNotParked
            | Self::ParkedStaysDue => I1,
            Self::HookOutsideTransaction | Self::LateAnswerReplacesEnd => I2,
            Self::BudgetSweepTakesRunning
            | Self::DoubtTakenForNo
            | Self::RefusalClearsDoubt
            | Self::EarlierEndsPlainly
            | Self::RetryClearsDoubt => I3,
            Self::ClaimedStaysDue
            | Self::AttemptNotCounted
            | Self::LostAttemptNotCounted
            | Self::FinalizerCallsAgain => I4,
            Self::KeyPerAttempt
            | Self::NewKeyInDoubt
            | Self::NewKeyAfterDenial
            | Self::MissingAttemptNotCounted => I5,
            Self::AcceptWithoutIdentity => I6,
            Self::ReaperReadsOwnClock | Self::ReaperSkipsQuestions => I7,
            Self::LogIgnoresFence
            | Self::RenewIgnoresFence
            | Self::FinalizeIgnoresFence
            | Self::ReleaseIgnoresFence
            | Self::LogIgnoresClaimId
            | Self::RenewIgnoresClaimId
            | Self::ReleaseIgnoresClaimId
            | Self::ClaimKeepsFence
            | Self::ReleaseLowersFence
            | Self::OperatorKeepsFence
            | Self::LogKeepsLease => I8,
            Self::KeyLifeIgnored | Self::EarlierIsClaimed => I9,
        }
    }

    /// The smallest world that shows it: two workers, and one operation.
    #[must_use]
    pub fn rules(self) -> Rules {
        let operation = match self {
            Self::FinalizeIgnoresFence
            | Self::LogKeepsLease
            | Self::FinalizerCallsAgain
            | Self::FinalizerSkipsHooked
            | Self::GivenUpHookIsNotParked
            | Self::HookOutsideTransaction => Declared::hooked(InDoubt::Retry),
            Self::OperatorKeepsFence | Self::ParkedStaysDue | Self::EarlierIsClaimed => {
                Declared::plain(InDoubt::Park)
            }
            Self::ReaperSkipsQuestions | Self::QuestionFallsThrough | Self::NewKeyAfterDenial => {
                Declared::plain(InDoubt::Reconcile)
            }
            Self::KeyLifeIgnored => Declared::plain(InDoubt::Retry).forgotten_after(1),
            _ => Declared::plain(InDoubt::Retry),
        };
        // What a second end does wrongly shows at a third.
        let third =
            matches!(self, Self::RetryClearsDoubt | Self::NewKeyInDoubt | Self::NewKeyAfterDenial);
        let max_attempts = if third { 3 } else { MAX_ATTEMPTS };
        // Without a fault it shows only by a call that was sent and lost, which is what it is about.
        let faults = if self == Self::NewKeyAfterDenial { 0 } else { 2 };
        let rules = Rules { mistake: Some(self), max_attempts, ..Rules::of(&[operation], faults) };
        match self {
            Self::EarlierIsClaimed | Self::EarlierEndsPlainly | Self::MissingAttemptNotCounted => {
                rules.noticing_losses()
            }
            Self::GivenUpHookIsNotParked => rules.giving_up_hooks(),
            _ if self.is_about_claim_ids() => rules.losing_claims(),
            _ => rules,
        }
    }

    /// True if it shows only once the database has lost a claim.
    pub(crate) const fn is_about_claim_ids(self) -> bool {
        matches!(
            self,
            Self::LogIgnoresClaimId | Self::RenewIgnoresClaimId | Self::ReleaseIgnoresClaimId
        )
    }
}

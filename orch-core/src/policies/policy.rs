use std::time::Duration;

use super::{Backoff, Retention};
use crate::words::{Kind, spelled};

/// Attempts of one operation in all, retries and lost attempts included.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;
/// Executions of one operation that use up no attempt. Past them such an execution is an attempt like any
/// other, so that a provider that is at work for ever is not asked for ever.
pub const DEFAULT_MAX_UNCOUNTED: u32 = 100;
/// Reconciles before the operation is parked.
pub const DEFAULT_MAX_RECONCILES: u32 = 10;
/// Between two reconciles: 1 s, 2 s, 4 s … up to 300 s.
pub const DEFAULT_RECONCILE_BACKOFF: Backoff = Backoff::DEFAULT;
/// How long one reconcile may take before it counts as unanswered.
pub const DEFAULT_RECONCILE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one attempt may run before it ends in doubt.
pub const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an operation may take from accept to its end.
pub const DEFAULT_TIME_BUDGET: Duration = Duration::from_secs(5 * 60);
/// The shortest time budget.
pub const MIN_TIME_BUDGET: Duration = Duration::from_millis(1);
/// The longest time budget: a year.
pub const MAX_TIME_BUDGET: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long the Finalizer leaves a logged outcome to the worker that logged it.
pub const FINALIZER_HEAD_START: Duration = Duration::from_secs(1);

/// How often a finalize hook is run before its operation is parked: with [`Backoff::DEFAULT`] about an
/// hour after the first.
pub const MAX_HOOK_FAILURES: u32 = 20;

/// How long an operation waits for a worker that has all it needs before it is parked.
pub const UNHANDLED_PARKED_AFTER: Duration = Duration::from_secs(15 * 60);
/// The first pause after a worker has given back what it lacks the parts for.
pub const UNHANDLED_MIN_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, also while parked: a new version finds the operation within this time.
pub const UNHANDLED_MAX_PAUSE: Duration = Duration::from_secs(60);

/// The shortest pause before a provider is asked what has become of a call that it has accepted.
pub const SUBMITTED_MIN_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause. Up to it, the pause is as long as the operation has waited already.
pub const SUBMITTED_MAX_PAUSE: Duration = Duration::from_secs(60 * 60);

/// What follows an attempt whose end is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InDoubt {
    /// Make another attempt, with the same provider key.
    #[default]
    Retry,
    /// Park it for an operator.
    Park,
    /// End it as FAILED with `uncertain = true`.
    Fail,
    /// Reconcile: ask the provider what happened, until it answers.
    Reconcile,
}

spelled!(
    InDoubt, "in_doubt",
    Retry => "retry", Park => "park", Fail => "fail", Reconcile => "reconcile"
);

/// What a repeated call does at the provider, and so what may follow in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Effect {
    /// Nothing: it only reads, and may be made any number of times.
    Read,
    /// The same however often it is made, by its nature: a `PUT` of a whole, say.
    Idempotent,
    /// The same however often it is made with the same provider key, while the provider
    /// remembers the key.
    #[default]
    Keyed,
    /// Again each time: in doubt it is never made a second time.
    Unsafe,
}

spelled!(
    Effect, "effect",
    Read => "read", Idempotent => "idempotent", Keyed => "keyed", Unsafe => "unsafe"
);

/// Declarations of one handler that contradict each other. The attribute refuses them while it
/// compiles; a handler that is registered by hand is refused at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Contradiction {
    /// In doubt it would be called again, and act again.
    #[error(
        "its effect is unsafe and in_doubt is retry, so a call whose answer was lost would be \
         made a second time; give it a reconcile, or in_doubt = \"park\" or \"fail\""
    )]
    UnsafeRetry,
    /// A key's lifetime where no key protects the call.
    #[error(
        "it has a key_lifetime of {key_lifetime:?} and the effect {effect}, which uses no key; \
         make the effect keyed, or leave the lifetime out"
    )]
    LifetimeWithoutKey {
        /// What it declares.
        effect: Effect,
        /// The lifetime given.
        key_lifetime: Duration,
    },
}

impl Contradiction {
    /// The first contradiction among these declarations.
    ///
    /// # Errors
    /// [`Contradiction`].
    pub fn check(
        effect: Effect,
        in_doubt: InDoubt,
        key_lifetime: Option<Duration>,
    ) -> Result<(), Self> {
        match (effect, in_doubt, key_lifetime) {
            (Effect::Unsafe, InDoubt::Retry, _) => Err(Self::UnsafeRetry),
            (Effect::Read | Effect::Idempotent | Effect::Unsafe, _, Some(key_lifetime)) => {
                Err(Self::LifetimeWithoutKey { effect, key_lifetime })
            }
            _ => Ok(()),
        }
    }
}

/// The rules of one kind of operation, as its handler declares them. A claim writes them into
/// the operation's row, so that any worker can recover it, even one without the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindPolicy {
    /// Domain and event type.
    pub kind: Kind,
    /// Attempts in all, at least 1.
    pub max_attempts: u32,
    /// Executions that use up no attempt, in all: the provider was still at work on an earlier call.
    pub max_uncounted: u32,
    /// Delays between them.
    pub backoff: Backoff,
    /// What follows an attempt in doubt.
    pub in_doubt: InDoubt,
    /// Reconciles in all, at least 1; then the operation is parked.
    pub max_reconciles: u32,
    /// True if the provider answers a repeated key with the error that it gave before, so that
    /// the attempt after a definite error needs the next key, unless an attempt was lost.
    pub replays_errors: bool,
    /// True if the handler has a finalize hook, so that only a worker with the handler may
    /// finalize.
    pub hooked: bool,
    /// How long a finished operation is kept.
    pub retention: Retention,
}

impl KindPolicy {
    /// The defaults for a kind.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            max_uncounted: DEFAULT_MAX_UNCOUNTED,
            backoff: Backoff::DEFAULT,
            in_doubt: InDoubt::Retry,
            max_reconciles: DEFAULT_MAX_RECONCILES,
            replays_errors: false,
            hooked: false,
            retention: Retention::DEFAULT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_named() {
        let key_lifetime = Duration::from_secs(60);
        let check = Contradiction::check;
        let unsafe_retry = check(Effect::Unsafe, InDoubt::Retry, None);
        assert_eq!(unsafe_retry, Err(Contradiction::UnsafeRetry));
        for in_doubt in [InDoubt::Park, InDoubt::Fail, InDoubt::Reconcile] {
            assert_eq!(check(Effect::Unsafe, in_doubt, None), Ok(()));
        }
        for effect in [Effect::Read, Effect::Idempotent, Effect::Unsafe] {
            let refused = Contradiction::LifetimeWithoutKey { effect, key_lifetime };
            assert_eq!(check(effect, InDoubt::Park, Some(key_lifetime)), Err(refused));
        }
        assert_eq!(check(Effect::Keyed, InDoubt::Retry, Some(key_lifetime)), Ok(()));
    }
}

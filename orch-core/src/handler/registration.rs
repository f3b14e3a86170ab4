use std::time::Duration;

use super::functions::HandlerFuture;
use super::{Call, StateNeed, Unrunnable};
use crate::policies::{
    Backoff, DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_RECONCILES,
    DEFAULT_MAX_UNCOUNTED, DEFAULT_RECONCILE_BACKOFF, DEFAULT_RECONCILE_TIMEOUT,
    DEFAULT_TIME_BUDGET, Effect, InDoubt, KindPolicy, Retention,
};
use crate::provider::{AnyProvider, Provider};
use crate::store::HookFn;
use crate::words::{CannotRead, IdentityForm, Invalid, Kind, Payload, Undecodable};

/// Decodes the command and returns the future: a handler or reconcile function behind its types.
pub type StartFn = fn(&Call) -> Result<HandlerFuture, Unrunnable>;

/// What tells whether stored text is one of the handler's, without a call.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// Whether a stored payload is its command, in this version of it or an earlier one.
    pub command: fn(&Payload) -> Result<(), CannotRead>,
    /// Whether an output that an operator gives is what the handler returns, and no more than that.
    pub output: fn(&Payload) -> Result<(), Undecodable>,
    /// Whether an output that is stored can be read: what the type does not know of it is passed over.
    pub stored_output: fn(&Payload) -> Result<(), Undecodable>,
    /// Whether its command is to be the only one for its biz key.
    pub unique: bool,
    /// The form in which the identity of its command is made, if that is known.
    pub form: Option<IdentityForm>,
}

/// What the attribute says about a handler, as constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// The function's path, for messages.
    pub name: &'static str,
    /// Its source file.
    pub file: &'static str,
    /// The line.
    pub line: u32,
    /// The domain.
    pub domain: &'static str,
    /// The event type.
    pub event_type: &'static str,
    /// The name of its provider, under which references to its calls are kept.
    pub provider: &'static str,
    /// How long an operation may take where its accept says nothing. It is what the contract of the
    /// provider is held against; accept itself reads
    /// [`HandledCommand::TIME_BUDGET`](super::HandledCommand::TIME_BUDGET), which is the same.
    pub time_budget: Duration,
    /// How long one attempt may run.
    pub attempt_timeout: Duration,
    /// Attempts in all.
    pub max_attempts: u32,
    /// Executions that use up no attempt, in all: the provider was still at work on an earlier call.
    pub max_uncounted: u32,
    /// Delays between them.
    pub backoff: Backoff,
    /// What follows an attempt in doubt.
    pub in_doubt: InDoubt,
    /// What a call does at the provider.
    pub effect: Effect,
    /// How long the provider remembers a key after its first use; `None` if without limit, or if no
    /// key is needed.
    pub key_lifetime: Option<Duration>,
    /// True if the provider answers a repeated key with the error that it gave before: then the
    /// attempt after a definite error has the key of the next generation, unless an attempt was lost.
    pub replays_errors: bool,
    /// How long one reconcile may take.
    pub reconcile_timeout: Duration,
    /// Delays between reconciles.
    pub reconcile_backoff: Backoff,
    /// Reconciles in all, at least 1; then the operation is parked.
    pub max_reconciles: u32,
    /// How long a COMPLETED operation is kept; `None` leaves it to the worker's configuration.
    pub completed_retention: Option<Duration>,
    /// How long a FAILED operation is kept; `None` leaves it to the worker's configuration.
    pub failed_retention: Option<Duration>,
}

impl Descriptor {
    /// What holds for options that are not given. Name, place and kind are blank.
    pub const DEFAULTS: Self = Self {
        name: "",
        file: "",
        line: 0,
        domain: "",
        event_type: "",
        provider: AnyProvider::NAME,
        time_budget: DEFAULT_TIME_BUDGET,
        attempt_timeout: DEFAULT_ATTEMPT_TIMEOUT,
        max_attempts: DEFAULT_MAX_ATTEMPTS,
        max_uncounted: DEFAULT_MAX_UNCOUNTED,
        backoff: Backoff::DEFAULT,
        in_doubt: InDoubt::Retry,
        effect: Effect::Keyed,
        key_lifetime: None,
        replays_errors: false,
        reconcile_timeout: DEFAULT_RECONCILE_TIMEOUT,
        reconcile_backoff: DEFAULT_RECONCILE_BACKOFF,
        max_reconciles: DEFAULT_MAX_RECONCILES,
        completed_retention: None,
        failed_retention: None,
    };

    /// How long operations are kept, with these defaults for what is not declared.
    #[must_use]
    pub const fn retention(&self, default: Retention) -> Retention {
        let completed = match self.completed_retention {
            Some(declared) => declared,
            None => default.completed(),
        };
        let failed = match self.failed_retention {
            Some(declared) => declared,
            None => default.failed(),
        };
        Retention::new(completed, failed)
    }
}

/// A handler that is linked into the binary. `#[orchestrated]` submits one; the runtime collects
/// them.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// The constants.
    pub descriptor: Descriptor,
    /// Starts an attempt.
    pub attempt: StartFn,
    /// Starts a reconcile.
    pub reconcile: Option<StartFn>,
    /// Runs inside the finalizing transaction.
    pub finalize: Option<HookFn>,
    /// The states that handler, reconcile and hook take.
    pub needs: fn() -> Vec<StateNeed>,
    /// Checks what is stored for it, and what an operator gives as its output; `None` takes anything.
    pub checks: Option<Checks>,
}

inventory::collect!(Registration);

impl Registration {
    /// A handler without reconcile and finalize.
    #[must_use]
    pub const fn new(
        descriptor: Descriptor,
        attempt: StartFn,
        needs: fn() -> Vec<StateNeed>,
    ) -> Self {
        Self { descriptor, attempt, reconcile: None, finalize: None, needs, checks: None }
    }

    /// Adds the function that asks the provider.
    #[must_use]
    pub const fn reconcile(mut self, reconcile: StartFn) -> Self {
        self.reconcile = Some(reconcile);
        self
    }

    /// Adds the hook that runs inside the finalizing transaction.
    #[must_use]
    pub const fn finalize(mut self, hook: HookFn) -> Self {
        self.finalize = Some(hook);
        self
    }

    /// Adds the checks of its command and its output.
    #[must_use]
    pub const fn checks(mut self, checks: Checks) -> Self {
        self.checks = Some(checks);
        self
    }

    /// The rules that a claim writes into the operation's row. `kept` is how long operations are
    /// kept whose handler does not say.
    ///
    /// # Errors
    /// [`Invalid`] for a hand-written descriptor with an illegal name; the macro checks its own.
    pub fn policy(&self, kept: Retention) -> Result<KindPolicy, Invalid> {
        let Descriptor { domain, event_type, backoff, in_doubt, .. } = self.descriptor;
        let Descriptor { max_attempts, max_uncounted, max_reconciles, replays_errors, .. } =
            self.descriptor;
        Ok(KindPolicy {
            kind: Kind::new(domain, event_type)?,
            max_attempts,
            max_uncounted,
            backoff,
            in_doubt,
            max_reconciles,
            replays_errors,
            hooked: self.finalize.is_some(),
            retention: self.descriptor.retention(kept),
        })
    }
}

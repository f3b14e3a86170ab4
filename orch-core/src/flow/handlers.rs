use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::handler::{Descriptor, Registration, States, Unrunnable};
use crate::metrics::Meters;
use crate::policies::{CallFacts, Effect, InDoubt, KindPolicy, REMEDY, Retention, may_call};
use crate::store::{ClaimedOperation, FinalizeHook, Purpose, SweepParams};
use crate::words::{AttemptEnd, Invalid, Kind, Outcome, Source};

/// A registered handler with its checked policy.
#[derive(Debug, Clone)]
pub struct Handler {
    /// What the macro registered.
    pub registration: Registration,
    /// Its rules.
    pub policy: KindPolicy,
    /// Its finalize hook, if it has one.
    pub hook: Option<FinalizeHook>,
    /// What is counted of its operations.
    pub meters: Arc<Meters>,
}

impl Handler {
    /// How long an attempt, or a reconcile, may take.
    #[must_use]
    pub const fn timeout(&self, purpose: Purpose) -> Duration {
        match purpose {
            Purpose::Attempt => self.registration.descriptor.attempt_timeout,
            Purpose::Reconcile => self.registration.descriptor.reconcile_timeout,
        }
    }

    /// Whether this worker has all that the operation needs at its end.
    ///
    /// # Errors
    /// [`Unrunnable`], saying what is missing.
    pub fn can_finish(&self, operation: &ClaimedOperation) -> Result<(), Unrunnable> {
        if operation.hooked && self.hook.is_none() {
            let reason = "its handler has no finalize hook in this version, and had one".to_owned();
            return Err(Unrunnable { reason });
        }
        Ok(())
    }

    /// Whether this attempt may call the provider; a reconcile always may. `since_claim` is how much
    /// of the time since the claim was sent has passed already.
    ///
    /// # Errors
    /// [`Unrunnable`], saying what is true and what an operator can do.
    pub fn may_call(
        &self,
        operation: &ClaimedOperation,
        since_claim: Duration,
    ) -> Result<(), Unrunnable> {
        let Descriptor { effect, key_lifetime, .. } = self.registration.descriptor;
        let starts_at = operation.claimed_at.plus(since_claim);
        let facts = CallFacts {
            unresolved: operation.unresolved,
            first_called_at: operation.first_called_at,
            calls_until: starts_at.plus(self.timeout(Purpose::Attempt)),
            effect,
            in_doubt: self.policy.in_doubt,
            key_lifetime,
        };
        match operation.purpose {
            Purpose::Reconcile => Ok(()),
            Purpose::Attempt => may_call(&facts)
                .map_err(|refusal| Unrunnable { reason: format!("{refusal}; {REMEDY}") }),
        }
    }

    /// The delay after an end: before the next attempt, counted by the attempts, or by the executions
    /// that used up none where this is one of them; or before the next reconcile, counted by the reconciles.
    #[must_use]
    pub fn delay(&self, end: &AttemptEnd, source: Source, counts: Counts) -> Duration {
        let Counts { attempts, reconciles, uncounted } = counts;
        let after = match end {
            AttemptEnd::Outcome(Outcome::Retry { after, .. })
            | AttemptEnd::StillRunning { after, .. }
            | AttemptEnd::Submitted { after, .. } => *after,
            _ => None,
        };
        let reconciling = source == Source::Reconcile || self.policy.in_doubt == InDoubt::Reconcile;
        let (backoff, count) = match end {
            AttemptEnd::InDoubt { .. }
            | AttemptEnd::StillRunning { .. }
            | AttemptEnd::AlreadyDone { .. }
            | AttemptEnd::Submitted { .. }
                if reconciling =>
            {
                (self.registration.descriptor.reconcile_backoff, reconciles)
            }
            // The attempt stays where it is, so by that it would be asked again and again in a second.
            AttemptEnd::StillRunning { .. } => (self.policy.backoff, uncounted.saturating_add(1)),
            _ => (self.policy.backoff, attempts),
        };
        backoff.delay_at_least(count, fastrand::f64(), after)
    }
}

/// What an operation has used up when its attempt, or its reconcile, ends. That one is counted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Attempts.
    pub attempts: u32,
    /// Reconciles.
    pub reconciles: u32,
    /// Executions that used up no attempt.
    pub uncounted: u32,
}

/// The handlers of a worker, by kind. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Handlers(Arc<HashMap<Kind, Arc<Handler>>>);

impl Handlers {
    /// Collects registrations whose kinds are distinct, with the states that their hooks take. `kept` is
    /// how long operations are kept whose handler does not say.
    ///
    /// # Errors
    /// [`Invalid`] for an illegal domain or event type.
    pub fn new(
        registrations: impl IntoIterator<Item = Registration>,
        states: &States,
        kept: Retention,
    ) -> Result<Self, Invalid> {
        let mut handlers = HashMap::new();
        for registration in registrations {
            let policy = registration.policy(kept)?;
            let kind = policy.kind.clone();
            let meters = Arc::new(Meters::of(&kind));
            let equip = |function| FinalizeHook { function, states: states.clone() };
            let hook = registration.finalize.map(equip);
            handlers.insert(kind, Arc::new(Handler { registration, policy, hook, meters }));
        }
        Ok(Self(Arc::new(handlers)))
    }

    /// The handler of a kind.
    #[must_use]
    pub fn get(&self, kind: &Kind) -> Option<&Arc<Handler>> {
        self.0.get(kind)
    }

    /// The finalize hook of a kind, if its handler has one.
    #[must_use]
    pub fn hook(&self, kind: &Kind) -> Option<FinalizeHook> {
        self.get(kind)?.hook.clone()
    }

    /// The meters of a kind, also of one that these handlers do not know.
    #[must_use]
    pub fn meters(&self, kind: &Kind) -> Arc<Meters> {
        self.get(kind).map_or_else(|| Arc::new(Meters::of(kind)), |h| Arc::clone(&h.meters))
    }

    /// The kinds.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.0.keys().cloned().collect()
    }

    /// The kinds that have a finalize hook here.
    #[must_use]
    pub fn hooked_kinds(&self) -> Vec<Kind> {
        let hooked = self.0.iter().filter(|(_, handler)| handler.policy.hooked);
        hooked.map(|(kind, _)| kind.clone()).collect()
    }

    /// The policies, in no particular order.
    #[must_use]
    pub fn policies(&self) -> Vec<KindPolicy> {
        self.0.values().map(|handler| handler.policy.clone()).collect()
    }

    /// The kinds that wait while the database's incarnation is unconfirmed: a repeated call would act
    /// again, or doubt would end the operation or park it.
    #[must_use]
    pub fn held_kinds(&self) -> Vec<Kind> {
        let waits = |handler: &Handler| {
            handler.registration.descriptor.effect == Effect::Unsafe
                || matches!(handler.policy.in_doubt, InDoubt::Park | InDoubt::Fail)
        };
        self.0.iter().filter(|(_, it)| waits(it)).map(|(kind, _)| kind.clone()).collect()
    }

    /// A sweep on behalf of these handlers.
    #[must_use]
    pub fn sweep(&self, limit: usize) -> SweepParams {
        SweepParams { kinds: self.policies(), held_kinds: self.held_kinds(), limit }
    }

    /// What the macros registered.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.0.values().map(|handler| &handler.registration)
    }
}

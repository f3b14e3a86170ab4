//! What the code that `provider = …` and `effect = …` emit calls.

use std::fmt;
use std::marker::PhantomData;

use super::bound::{Argument, Bound, Reconcile};
use super::{Descriptor, ForProvider, FromCall, ReconcileFn};
use crate::policies::{Effect, InDoubt};
use crate::provider::{Provider, Rules, Times};

/// The contract that a handler is bound to. The bound of [`contract`] is the only one on the
/// provider; what the methods need of it is kept here.
pub struct Contract<P> {
    rules: Rules,
    provider: PhantomData<fn() -> P>,
}

/// The contract of a provider.
#[must_use]
pub const fn contract<P: Provider>() -> Contract<P> {
    Contract { rules: Rules::of::<P>(), provider: PhantomData }
}

impl<P> Contract<P> {
    /// The descriptor, with what the contract says about the keys of such a handler.
    #[must_use]
    pub const fn describe(&self, mut descriptor: Descriptor) -> Descriptor {
        descriptor.key_lifetime = self.rules.key_lifetime(descriptor.effect);
        descriptor.replays_errors = self.rules.replays_errors();
        descriptor.provider = self.rules.provider();
        descriptor
    }

    /// Holds effect, end of doubt and times against the contract, at compile time.
    ///
    /// # Panics
    /// If the contract does not carry them.
    #[track_caller]
    pub const fn carries(&self, descriptor: &Descriptor) {
        let Descriptor { effect, in_doubt, time_budget, attempt_timeout, .. } = *descriptor;
        self.rules.carry(effect, in_doubt, Times { time_budget, attempt_timeout });
    }

    /// What follows doubt where the handler says nothing about it.
    #[must_use]
    pub const fn in_doubt(&self, effect: Effect) -> InDoubt {
        self.rules.in_doubt(effect)
    }

    /// Looks for the key among the arguments of a keyed handler, at compile time.
    ///
    /// # Panics
    /// If no argument has it.
    #[track_caller]
    pub const fn key_is_taken(&self, descriptor: &Descriptor, offered: &[bool]) {
        if matches!(descriptor.effect, Effect::Keyed) {
            self.rules.key_is_taken(offered);
        }
    }

    /// An argument of a handler of this provider.
    #[must_use]
    pub const fn argument<A: FromCall<For: ForProvider<P>>>(&self) -> Argument<A> {
        Argument::of()
    }

    /// The reconcile function of a handler of this provider.
    pub fn reconcile<C, O, A, F>(&self, _: &Bound<C, O>, reconcile: F) -> Reconcile
    where
        F: ReconcileFn<C, A, O, P>,
    {
        Reconcile::of(reconcile)
    }
}

impl<P> fmt::Debug for Contract<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contract").field(&self.rules).finish()
    }
}

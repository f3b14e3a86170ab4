//! The seams: where something from outside is plugged in.
//!
//! | seam | what is plugged in |
//! |---|---|
//! | [`Store`] | a database: memory, SQLite, Postgres |
//! | [`Clock`] | the host's clock, for stores that have none of their own; tests move it |
//! | [`Backend`] | a store that is chosen by the scheme of a URL |
//! | [`Registration`] | a user's handler, with its policies, reconcile and finalize hook |
//! | [`Provider`] | what somebody else's API promises about idempotency keys |
//!
//! [`http`] knows what an answer over HTTP says about the provider.

mod backend;
mod clock;
mod handler;
mod hook;
pub mod http;
mod message;
mod params;
mod provider;
mod store;

pub use backend::{Backend, OpenError, Opening, open};
pub use clock::{Clock, ManualClock, SystemClock};
pub use handler::{
    AttemptError, Call, Context, Descriptor, Ending, FinalizeFn, FromCall, Handled, HandlerResult,
    KeyFromCaller, KeyGiven, KeyInCommand, ReconcileAnswer, ReconcileFn, Reconciled, Registration,
    Run, StartFn, State, StateNeed, States, Storable, TypedCommand, Unrunnable,
};
pub use hook::{ConnectionType, FinalizeHook, HookError, Hooked, RunHook, connection};
pub use params::{
    Acceptance, Admitted, Attempt, ClaimParams, Claimed, Cursor, EndedAttempt, Finalization,
    Finalized, LateParams, Lease, ListParams, Listed, Logged, Page, PurgeParams, Purged, Purpose,
    RedriveParams, Redriven, Release, ReleaseReason, Released, RenewParams, Renewed, Settle,
    SettleParams, SettledParked, SweepParams, Swept, Unfinalized,
};
pub use provider::{
    AnyProvider, CheckoutCom, KeyAlphabet, KeyLifetime, Provider, ProviderKey, Qonto, Square,
    Stripe, Unkeyed,
};
pub use store::{AcceptIn, Store, StoreError};

/// What the macros emit calls to; of no use by itself.
#[doc(hidden)]
pub mod emitted {
    pub use super::handler::{
        After, Argument, Bound, Contract, EndingOf, EveryProvider, ForProvider, Hook, KeyText,
        Question, SameAs, StandardError, Started, Underneath, WithEnvelope, WithoutEnvelope,
        argument, bound, contract, domain_is, event_is, key, key_part, needs, underneath,
    };
}

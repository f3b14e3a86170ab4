//! How a user's function becomes something that the executor can run.
//!
//! The macros emit `impl`s and one [`Registration`] per handler; all logic is here.

mod agree;
mod bound;
mod call;
mod contract;
mod errors;
mod functions;
mod key;
mod registration;
mod typed;

pub use bound::{
    Argument, Bound, Hook, Question, SameAs, Started, argument, bound, domain_is, event_is, needs,
};
pub use call::{
    Call, Context, EveryProvider, ForProvider, FromCall, State, StateNeed, States, Unrunnable,
};
pub use contract::{Contract, contract};
pub use errors::{After, AttemptError, Ending, EndingOf, StandardError, Underneath, underneath};
pub use functions::{
    FinalizeFn, HandlerResult, ReconcileAnswer, ReconcileFn, Reconciled, Run, WithEnvelope,
    WithoutEnvelope,
};
pub use key::{KeyText, key, key_part};
pub use registration::{Descriptor, Registration, StartFn};
pub use typed::{Handled, KeyFromCaller, KeyGiven, KeyInCommand, Storable, TypedCommand};

//! How a user's function becomes something that the executor can run.
//!
//! The macros emit `impl`s and one [`Registration`] per handler; all logic is here. What an
//! answer over HTTP says is in [`policies::http`](crate::policies::http); a handler may return an
//! [`HttpOutcome`](crate::policies::http::HttpOutcome) as its error.

mod typed; // a command as the user's type

mod call; // what one attempt is given

mod functions; // what a handler, a reconcile and a finalize hook look like

mod errors; // how an attempt ends with an error
#[cfg(feature = "tonic")]
mod grpc;
mod http;
#[cfg(feature = "lettre")]
mod mail;

mod registration; // a handler that is linked into the binary

mod agree; // what the macros emit calls to
mod bound;
mod contract;
mod key;
mod upgrade;

pub use crate::store::{StateNeed, States};
use call::ForProvider;
pub use call::{Call, Context, FromCall, FromStates, State, Unrunnable};
pub use errors::HandlerError;
pub use functions::{
    FinalizeFn, HandlerFuture, HandlerResult, ReconcileAnswer, ReconcileFn, Reconciled,
};
pub use registration::{Checks, Descriptor, Registration, StartFn};
pub(crate) use typed::caught;
pub use typed::{HandledCommand, KeyFromCaller, KeyGiven, KeyInCommand, Storable, TypedCommand};

/// What the macros emit calls to; of no use by itself.
#[doc(hidden)]
pub mod emitted {
    pub use super::bound::{
        Argument, Bound, Hook, Reconcile, SameAs, Started, argument, bound, checks, domain_is,
        event_is, needs, timeout_fits,
    };
    pub use super::call::{EveryProvider, ForProvider};
    pub use super::contract::{Contract, contract};
    pub use super::errors::{
        EndingOf, ReferenceText, StandardError, Underneath, after, reference_text, underneath,
    };
    pub use super::functions::{WithEnvelope, WithoutEnvelope};
    pub use super::key::{KeyText, key, key_part};
    pub use super::upgrade::{Fallible, Infallible, Upgrade, UpgradeFn, upgrade};
    pub use crate::policies::After;
}

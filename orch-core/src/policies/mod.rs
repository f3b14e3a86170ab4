//! The rules: how long to wait, whether to call while in doubt, what an end says of earlier calls.
//!
//! Pure functions over the [words](crate::words): no I/O, no clock, no randomness. What follows an
//! attempt is decided by the [machine](crate::machine).

mod backoff;
mod call;
mod divergence;
mod ending;
mod handler_end;
pub mod http;
mod policy;

pub use backoff::Backoff;
pub use call::{CallFacts, REMEDY, Refusal, may_call};
pub use divergence::{Bearing, bearings, compare, divergences};
pub use ending::{After, Ending};
pub use handler_end::HandlerEnd;
pub use policy::{
    Contradiction, DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_COMPLETED_RETENTION, DEFAULT_MAX_ATTEMPTS,
    DEFAULT_MAX_RECONCILES, DEFAULT_RECONCILE_BACKOFF, DEFAULT_RECONCILE_TIMEOUT,
    DEFAULT_TIME_BUDGET, Effect, FINALIZER_HEAD_START, InDoubt, KindPolicy, MAX_TIME_BUDGET,
    MIN_TIME_BUDGET,
};

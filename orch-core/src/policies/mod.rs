//! The rules: what comes after an attempt, how long to wait, when to stop.
//!
//! Pure functions over the [words](crate::words): no I/O, no clock, no randomness of their own.
//! Every store and the runtime call these; none of them decides by itself.

mod backoff;
mod call;
mod divergence;
mod ending;
mod handler_end;
pub mod http;
mod moves;
mod policy;
mod tally;

pub use backoff::Backoff;
pub use call::{CallFacts, REMEDY, Refusal, may_call};
pub use divergence::{Bearing, bearings, compare, divergences};
pub use ending::{After, Ending};
pub use handler_end::HandlerEnd;
pub use moves::{Facts, Move, after_attempt, over_budget};
pub use policy::{
    Contradiction, DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_COMPLETED_RETENTION, DEFAULT_MAX_ATTEMPTS,
    DEFAULT_MAX_RECONCILES, DEFAULT_RECONCILE_BACKOFF, DEFAULT_RECONCILE_TIMEOUT,
    DEFAULT_TIME_BUDGET, Effect, FINALIZER_HEAD_START, InDoubt, KindPolicy, MAX_TIME_BUDGET,
    MIN_TIME_BUDGET,
};
pub use tally::Tally;

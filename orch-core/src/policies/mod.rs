//! The rules that need no row: how long to wait, whether a call may be made, what an answer over
//! HTTP, gRPC or SMTP means, whether two answers agree, and what a handler declares.
//!
//! Pure functions over the [words](crate::words): no I/O, no clock, no randomness; what reads an
//! answer of `reqwest` is the one exception. What a fact
//! means for an operation's row is decided in the module `machine`.

mod policy; // what a handler declares

mod retention; // how long a finished operation is kept

mod backoff; // how long to wait

mod call; // whether a call may be made

mod ending; // how an attempt ends with an error

mod submitted; // what the provider has accepted, and tells later what becomes of it

mod handler_end; // what that means in view of earlier attempts

mod says; // what a provider's own answer means

#[cfg(any(feature = "lettre", feature = "reqwest", feature = "tonic"))]
mod limits; // how long one call may take
#[cfg(any(feature = "reqwest", feature = "tonic"))]
mod unsent; // whether a request was certainly not processed

pub mod http; // what an answer over HTTP means

pub mod grpc; // the same of a call over gRPC

pub mod mail; // the same of a mail over SMTP

mod divergence; // whether two answers agree

pub use backoff::Backoff;
pub use call::{CallFacts, REMEDY, Refusal, may_call};
pub use divergence::{Bearing, bearings, compare, divergences};
pub use ending::{After, Ending};
pub use handler_end::HandlerEnd;
pub use policy::{
    Contradiction, DEFAULT_ATTEMPT_TIMEOUT, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_RECONCILES,
    DEFAULT_MAX_UNCOUNTED, DEFAULT_RECONCILE_BACKOFF, DEFAULT_RECONCILE_TIMEOUT,
    DEFAULT_TIME_BUDGET, Effect, FINALIZER_HEAD_START, InDoubt, KindPolicy, MAX_HOOK_FAILURES,
    MAX_TIME_BUDGET, MIN_TIME_BUDGET, SUBMITTED_MAX_PAUSE, SUBMITTED_MIN_PAUSE,
    UNHANDLED_MAX_PAUSE, UNHANDLED_MIN_PAUSE, UNHANDLED_PARKED_AFTER,
};
pub use retention::{
    DEFAULT_COMPLETED_RETENTION, DEFAULT_FAILED_RETENTION, MAX_RETENTION, MIN_RETENTION, Retention,
    UNDATED_RETENTION,
};
pub use says::Says;
pub use submitted::Submitted;

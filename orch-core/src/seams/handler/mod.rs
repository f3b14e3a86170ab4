//! How a user's function becomes something that the executor can run.
//!
//! The macros emit `impl`s and one [`Registration`] per handler; all logic is here.

mod call;
mod errors;
mod functions;
mod registration;
mod typed;

pub use call::{Call, Context, FromCall, State, StateNeed, States, Unrunnable};
pub use errors::{AttemptError, Ending};
pub use functions::{HandlerFn, HandlerResult, ReconcileAnswer, ReconcileFn, Reconciled, Run};
pub use registration::{Descriptor, Registration, StartFn};
pub use typed::{Handled, KeyFromCaller, KeyGiven, KeyInCommand, TypedCommand};

//! What the code that the macros emit calls: the steps of a call, one method each.
//!
//! Each bound that a user can miss is on exactly one of these, and rustc folds equal errors at one
//! place into one. So one mistake gives one error, at the user's token that the macro gives as the
//! call's place.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use super::agree::{agree, fits};
use super::errors::end_of;
use super::functions::{HandlerFuture, decode, succeeded};
use super::{
    Call, Checks, FinalizeFn, ForProvider, FromCall, HandledCommand, HandlerError, HandlerResult,
};
use super::{ReconcileFn, StateNeed, Storable, Unrunnable, caught};
use crate::provider::AnyProvider;
use crate::store::{ConnectionType, HookContext, HookError, Hooked, connection};
use crate::words::{AttemptEnd, FinalOutcome, Payload, Undecodable};

/// An attempt or a reconcile, or why there is none.
pub type Started = Result<HandlerFuture, Unrunnable>;

/// A command together with the output that it is bound to. The bound of [`bound`] is the only
/// one on the command; what the methods need of it is kept here.
#[derive(Debug)]
pub struct Bound<C, O> {
    domain: &'static str,
    event: &'static str,
    /// Of an operation whose accept says nothing.
    pub time_budget: Duration,
    command: fn(&Call) -> Result<C, Unrunnable>,
    encode: fn(&O) -> AttemptEnd,
    decode: fn(&Payload) -> Result<O, Undecodable>,
}

/// The binding of a command.
#[must_use]
pub const fn bound<C: HandledCommand>() -> Bound<C, C::Output> {
    Bound {
        domain: C::DOMAIN,
        event: C::EVENT,
        time_budget: C::TIME_BUDGET,
        command: decode::<C>,
        encode: succeeded::<C::Output>,
        decode: <C::Output as Storable>::from_payload,
    }
}

impl<C, O: Send + 'static> Bound<C, O> {
    /// The command of the call.
    ///
    /// # Errors
    /// [`Unrunnable`] if the payload is not the command.
    pub fn command(&self, call: &Call) -> Result<C, Unrunnable> {
        (self.command)(call)
    }

    /// An attempt of a handler that returns `R`.
    ///
    /// # Errors
    /// None; the type is the one that a registration holds.
    pub fn attempt<R>(&self, handler: impl Future<Output = R> + Send + 'static) -> Started
    where
        R: HandlerResult<Output: SameAs<O>, Error: HandlerError>,
    {
        let encode = self.encode;
        Ok(Box::pin(async move {
            match handler.await.into_result() {
                Ok(output) => encode(&output.same()).into(),
                Err(error) => end_of(&error),
            }
        }))
    }

    /// The reconcile function of the handler.
    pub fn reconcile<A, F: ReconcileFn<C, A, O>>(&self, reconcile: F) -> Reconcile {
        Reconcile::of(reconcile)
    }

    /// The finalize hook of the handler.
    pub fn hook<Form, Connection, F>(&self, finalize: F) -> Hook
    where
        Connection: Send + 'static,
        F: for<'a> FinalizeFn<'a, Form, Connection, O>,
        O: Sync,
    {
        let decode = self.decode;
        Hook {
            connection: ConnectionType::of::<Connection>(),
            needs: <F as FinalizeFn<'static, Form, Connection, O>>::needs,
            run: Box::new(move |any, outcome, of| {
                Box::pin(async move {
                    let ended = typed(decode, outcome)?;
                    finalize.call(connection(any)?, &ended, of).await
                })
            }),
        }
    }
}

/// What tells whether stored text is a command or an output of the handler's.
#[must_use]
pub const fn checks<C: HandledCommand>() -> Checks {
    Checks {
        command: |payload| caught(|| C::from_stored(payload).map(drop)),
        output: |output| C::Output::from_whole_payload(output).map(drop),
        stored_output: |output| C::Output::from_payload(output).map(drop),
        unique: C::UNIQUE,
        form: C::FORM,
    }
}

/// Compares the domain that a handler declares with its command's, at compile time.
///
/// # Panics
/// If they differ.
#[track_caller]
pub const fn domain_is<C, O>(bound: &Bound<C, O>, declared: &str) {
    agree("domain", bound.domain, declared);
}

/// Compares the event type that a handler declares with its command's, at compile time.
///
/// # Panics
/// If they differ.
#[track_caller]
pub const fn event_is<C, O>(bound: &Bound<C, O>, declared: &str) {
    agree("event", bound.event, declared);
}

/// Compares a timeout that a handler declares with its command's time budget, at compile time.
///
/// # Panics
/// If it is longer.
#[track_caller]
pub const fn timeout_fits<C, O>(bound: &Bound<C, O>, option: &str, timeout: Duration) {
    fits(bound.time_budget, option, timeout);
}

/// The stored outcome, with the result as the handler's type.
fn typed<O>(
    decode: fn(&Payload) -> Result<O, Undecodable>,
    outcome: &FinalOutcome,
) -> Result<FinalOutcome<O>, HookError> {
    match outcome {
        FinalOutcome::Ok(output) => decode(output)
            .map(FinalOutcome::Ok)
            .map_err(|e| HookError::new(format_args!("the stored result {e}"))),
        FinalOutcome::Failed(failure) => Ok(FinalOutcome::Failed(failure.clone())),
    }
}

/// An argument after the command.
#[derive(Debug, Clone, Copy)]
pub struct Argument<A> {
    /// Takes it out of the call.
    pub take: fn(&Call) -> Result<A, Unrunnable>,
    /// The state that it needs.
    pub need: fn() -> Option<StateNeed>,
    /// Whether the provider key comes with it.
    pub has_key: bool,
}

/// The argument of this type, of a handler that names no provider.
#[must_use]
pub const fn argument<A: FromCall<For: ForProvider<AnyProvider>>>() -> Argument<A> {
    Argument::of()
}

impl<A: FromCall> Argument<A> {
    pub(super) const fn of() -> Self {
        Self { take: A::from_call, need: A::need, has_key: A::HAS_KEY }
    }
}

/// The states that a handler takes, then those of its reconcile function and of its hook.
#[must_use]
pub fn needs(
    handler: &[fn() -> Option<StateNeed>],
    others: &[fn() -> Vec<StateNeed>],
) -> Vec<StateNeed> {
    let others = others.iter().flat_map(|needs| needs());
    handler.iter().filter_map(|need| need()).chain(others).collect()
}

/// A reconcile function behind its types.
pub struct Reconcile {
    /// The states that it takes.
    pub needs: fn() -> Vec<StateNeed>,
    start: Box<dyn FnOnce(&Call) -> Started>,
}

impl Reconcile {
    pub(super) fn of<C, A, O, P, F: ReconcileFn<C, A, O, P>>(reconcile: F) -> Self {
        Self { needs: F::needs, start: Box::new(move |call| reconcile.start(call)) }
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`Unrunnable`] if the payload is not the command.
    pub fn start(self, call: &Call) -> Started {
        (self.start)(call)
    }
}

impl fmt::Debug for Reconcile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconcile").field("needs", &(self.needs)()).finish_non_exhaustive()
    }
}

/// A finalize hook behind its types.
pub struct Hook {
    /// The connection type that it takes.
    pub connection: ConnectionType,
    /// The states that it takes.
    pub needs: fn() -> Vec<StateNeed>,
    run: Box<RunHook>,
}

type RunHook = dyn for<'a> FnOnce(&'a mut (dyn Any + Send), &'a FinalOutcome, HookContext<'a>) -> Hooked<'a>
    + Send;

impl Hook {
    /// Runs it.
    pub fn run<'a>(
        self,
        connection: &'a mut (dyn Any + Send),
        outcome: &'a FinalOutcome,
        of: HookContext<'a>,
    ) -> Hooked<'a> {
        (self.run)(connection, outcome, of)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Says that two types are one.
#[diagnostic::on_unimplemented(
    message = "this handler returns `{Self}`, but its command is bound to `{T}`",
    label = "the result's type is not the one that the command names",
    note = "the caller that accepts the command is promised a `{T}`, so the handler must return it",
    note = "return `Result<{T}, …>`, or change `output = …` in `#[command(…)]` of the command"
)]
pub trait SameAs<T> {
    /// The value, unchanged.
    fn same(self) -> T;
}

impl<T> SameAs<T> for T {
    fn same(self) -> T {
        self
    }
}

use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::future::BoxFuture;

use super::{
    Call, ForProvider, FromCall, FromStates, StateNeed, Storable, TypedCommand, Unrunnable,
};
use crate::policies::{HandlerEnd, Submitted};
use crate::provider::AnyProvider;
use crate::store::{HookContext, HookError, Hooked};
use crate::words::{AttemptEnd, Envelope, Failure, FinalOutcome, Invalid, Outcome, code, storable};

/// One attempt, or one reconcile, ready to be polled.
pub type HandlerFuture = BoxFuture<'static, HandlerEnd>;

/// What an orchestrated function returns: `Result<T, E>`, also behind an alias.
#[diagnostic::on_unimplemented(
    message = "an orchestrated function returns `Result<T, E>`, not `{Self}`",
    label = "not a `Result`",
    note = "the error says how the attempt ends: retry, fail or in doubt",
    note = "return `Result<{Self}, YourError>` where `YourError` derives `orch::Outcome`; `std::convert::Infallible` if it never fails"
)]
pub trait HandlerResult: Send + 'static {
    /// The result's `Ok` type.
    type Output;
    /// The result's `Err` type.
    type Error;

    /// The standard form.
    ///
    /// # Errors
    /// The handler's own.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

impl<T: Send + 'static, E: Send + 'static> HandlerResult for Result<T, E> {
    type Output = T;
    type Error = E;

    fn into_result(self) -> Result<T, E> {
        self
    }
}

/// The provider's answer about an attempt in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reconciled<T> {
    /// It acted; this is the result, as the handler would have returned it.
    Happened(T),
    /// It has not acted and will not: safe to run again. Of a call that it had accepted this is not believed:
    /// say [`Refused`](Self::Refused) where it is over.
    NotHappened,
    /// It cannot say now, or is still at work on it: stay in doubt, ask again later.
    Unanswered,
    /// It has accepted the call and tells later what becomes of it: as if the handler had said so. The
    /// operation never runs again by itself, and what a later reconcile costs is not counted.
    Submitted(Submitted),
    /// It has not happened and is over: declined, expired, undone. The operation ends FAILED with this
    /// code, for certain; it does not run again.
    Refused {
        /// A stable code, such as `CARD_DECLINED`; a blank one is stored as
        /// [`REFUSED`](crate::words::code::REFUSED).
        code: String,
        /// One sentence.
        message: String,
    },
}

/// A `reconcile` function: arguments as the handler's, of which it may leave out any after the
/// command; returns `Reconciled<T>` or `Result<Reconciled<T>, E>`, whose error means unanswered.
#[diagnostic::on_unimplemented(
    message = "this function cannot be the reconcile of a handler that takes `{Command}` and returns `{Output}`",
    label = "not the signature of a reconcile function",
    note = "after an attempt in doubt orch asks it what happened at the provider, with the same command",
    note = "usage:\n\n    async fn name(cmd: {Command}, ctx: Context, thing: State<Thing>) -> Reconciled<{Output}>\n\nany argument after the command may be left out; `Result<Reconciled<{Output}>, E>` with `E: Display` may be returned as well\na result as the handler returns it is wrapped: `Reconciled::Happened(…)`",
    note = "its `Context` is that of the handler: `Context<{P}>`"
)]
pub trait ReconcileFn<Command, Args, Output, P = AnyProvider>: Copy + Send + 'static {
    /// The states that it takes.
    fn needs() -> Vec<StateNeed>;

    /// Decodes the command, takes the other arguments, and returns the future.
    ///
    /// # Errors
    /// [`Unrunnable`] if the payload is not the command.
    fn start(self, call: &Call) -> Result<HandlerFuture, Unrunnable>;
}

/// A `finalize` hook: takes the backend's connection, inside the finalizing transaction, the final
/// outcome, optionally the operation's envelope, and any number of states.
#[diagnostic::on_unimplemented(
    message = "this function cannot be the finalize hook of a handler that returns `{Output}`",
    label = "not the signature of a finalize hook",
    note = "orch runs the hook inside the transaction that finishes the operation, with the backend's own connection",
    note = "usage:\n\n    async fn name(conn: &mut SqliteConnection, ended: &FinalOutcome<{Output}>, of: &Envelope, thing: State<Thing>) -> Result<(), E>\n\nwhere `E: Display`; any argument after `ended` may be left out, and there may be several states"
)]
pub trait FinalizeFn<'a, Form, Connection, Output>: Copy + Send + 'static {
    /// The states that it takes.
    fn needs() -> Vec<StateNeed>;

    /// Runs it.
    fn call(
        self,
        connection: &'a mut Connection,
        ended: &'a FinalOutcome<Output>,
        of: HookContext<'a>,
    ) -> Hooked<'a>;
}

/// The form of a hook that takes the envelope: `(connection, ended, of, …)`.
///
/// The forms differ in their type, so that either may be written. It also takes two forms for
/// rustc to report a mistake in the words of [`FinalizeFn`]: where a single implementation could
/// fit, it reports what is wrong with the arguments of a closure, which the user has not written.
#[derive(Debug, Clone, Copy)]
pub enum WithEnvelope {}

/// The form of a hook that does not take the envelope: `(connection, ended, …)`.
#[derive(Debug, Clone, Copy)]
pub enum WithoutEnvelope {}

macro_rules! hooks {
    ($Form:ident ($($envelope:ident: $Envelope:ident)?) $($argument:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<'a, F, Fut, E, Connection, Output, $($argument,)*>
            FinalizeFn<'a, ($Form, $($argument,)*), Connection, Output> for F
        where
            F: Fn(&'a mut Connection, &'a FinalOutcome<Output>, $(&'a $Envelope,)? $($argument),*) -> Fut
                + Copy
                + Send
                + 'static,
            Fut: Future<Output = Result<(), E>> + Send + 'a,
            E: std::fmt::Display,
            Connection: 'a,
            Output: 'a,
            $($argument: FromStates,)*
        {
            fn needs() -> Vec<StateNeed> {
                vec![$($argument::need()),*]
            }

            #[allow(unused_variables, reason = "a hook without envelope and states reads no more")]
            #[allow(non_snake_case, reason = "the arguments go by the names of their types")]
            fn call(
                self,
                connection: &'a mut Connection,
                ended: &'a FinalOutcome<Output>,
                of: HookContext<'a>,
            ) -> Hooked<'a> {
                $(let $envelope = of.envelope;)?
                $(let $argument = match $argument::from_states(of.states) {
                    Ok(state) => state,
                    Err(missing) => return Box::pin(ready(Err(HookError::new(missing)))),
                };)*
                let hook = self(connection, ended, $($envelope,)? $($argument),*);
                Box::pin(async move { hook.await.map_err(HookError::new) })
            }
        }
    };
    ($($argument:ident)*) => {
        hooks!(WithEnvelope (envelope: Envelope) $($argument)*);
        hooks!(WithoutEnvelope () $($argument)*);
    };
}

/// What a reconcile function may return.
pub trait ReconcileAnswer<Output>: Send + 'static {
    /// The end to log, and whether it is about all calls: a refusal is.
    fn into_end(self) -> HandlerEnd;
}

impl<T: Storable + Send + 'static> ReconcileAnswer<T> for Reconciled<T> {
    fn into_end(self) -> HandlerEnd {
        match self {
            Self::Happened(output) => succeeded(&output).into(),
            Self::NotHappened => AttemptEnd::NotHappened.into(),
            Self::Unanswered => {
                AttemptEnd::InDoubt { reason: "the provider cannot say yet".into() }.into()
            }
            Self::Submitted(submitted) => {
                let reason = storable(&submitted.to_string());
                HandlerEnd::submitted(submitted, reason)
            }
            Self::Refused { code, message } => refused(&code, &message),
        }
    }
}

/// The provider was asked about the operation as a whole, so this is about its earlier calls too.
fn refused(code: &str, message: &str) -> HandlerEnd {
    let or = |text, blank| if str::trim(text).is_empty() { blank } else { text };
    let message = or(message, "the provider says that it has not happened and is over");
    let failure = Failure::new(or(code, code::REFUSED), message);
    HandlerEnd { clears_doubt: true, ..AttemptEnd::Outcome(Outcome::Fail(failure)).into() }
}

impl<T, E> ReconcileAnswer<T> for Result<Reconciled<T>, E>
where
    T: Storable + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    fn into_end(self) -> HandlerEnd {
        match self {
            Ok(answer) => answer.into_end(),
            Err(error) => {
                let reason = format!("the provider could not be asked: {error}");
                AttemptEnd::InDoubt { reason: storable(&reason) }.into()
            }
        }
    }
}

pub(super) fn decode<C: TypedCommand>(call: &Call) -> Result<C, Unrunnable> {
    C::from_stored(call.envelope.command.payload())
        .map_err(|e| Unrunnable { reason: format!("the payload {e}") })
}

/// The call has succeeded; a result that cannot be read back is for an operator, never a failure and
/// never a reason to call again.
pub(super) fn succeeded<T: Storable>(output: &T) -> AttemptEnd {
    // A panic of its decoder would pass for one of the handler, and so for doubt.
    let written = catch_unwind(AssertUnwindSafe(|| output.to_payload()));
    match written.unwrap_or_else(|_| Err(Invalid::NotReadBack { reason: "it panics".to_owned() })) {
        Ok(output) => AttemptEnd::Outcome(Outcome::Ok { output }),
        Err(error) => AttemptEnd::Unreadable {
            output: catch_unwind(AssertUnwindSafe(|| output.to_payload_in_part()))
                .unwrap_or_default(),
            reason: storable(&format!(
                "the call has succeeded, and its result is unreadable: {error}"
            )),
        },
    }
}

macro_rules! functions {
    ($($argument:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<F, Fut, Cmd, Output, P, $($argument,)*> ReconcileFn<Cmd, ($($argument,)*), Output, P>
            for F
        where
            F: Fn(Cmd, $($argument),*) -> Fut + Copy + Send + 'static,
            Fut: Future<Output: ReconcileAnswer<Output>> + Send + 'static,
            Cmd: TypedCommand,
            $($argument: FromCall<For: ForProvider<P>>,)*
        {
            fn needs() -> Vec<StateNeed> {
                [None, $($argument::need()),*].into_iter().flatten().collect()
            }

            #[allow(non_snake_case, reason = "the arguments go by the names of their types")]
            fn start(self, call: &Call) -> Result<HandlerFuture, Unrunnable> {
                let command = decode::<Cmd>(call)?;
                $(let $argument = $argument::from_call(call)?;)*
                let answer = self(command, $($argument),*);
                Ok(Box::pin(async move { answer.await.into_end() }))
            }
        }
    };
}

/// Both macros, for up to so many arguments.
macro_rules! arguments {
    ($($argument:ident)*) => {
        functions!($($argument)*);
        hooks!($($argument)*);
    };
}

arguments!();
arguments!(A1);
arguments!(A1 A2);
arguments!(A1 A2 A3);
arguments!(A1 A2 A3 A4);
arguments!(A1 A2 A3 A4 A5);
arguments!(A1 A2 A3 A4 A5 A6);
arguments!(A1 A2 A3 A4 A5 A6 A7);
arguments!(A1 A2 A3 A4 A5 A6 A7 A8);

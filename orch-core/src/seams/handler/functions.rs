use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::errors::end_of;
use super::{AttemptError, Call, FromCall, StateNeed, TypedCommand, Unrunnable};
use crate::words::{AttemptEnd, Failure, Outcome, Payload, code};

/// The run of one attempt, ready to be polled.
pub type Run = BoxFuture<'static, AttemptEnd>;

/// What an orchestrated function returns: `Result<T, E>`, also behind an alias.
#[diagnostic::on_unimplemented(
    message = "an orchestrated function returns `Result<T, E>`, not `{Self}`",
    label = "not a `Result`",
    note = "the error says how the attempt ends: retry, fail or in doubt",
    note = "return `Result<{Self}, YourError>` where `YourError` derives `orch::Outcome`; `std::convert::Infallible` if it never fails"
)]
pub trait HandlerResult: Send + 'static {
    /// The result's `Ok` type.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The result's `Err` type.
    type Error: AttemptError;

    /// The standard form.
    ///
    /// # Errors
    /// The handler's own.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

impl<T, E> HandlerResult for Result<T, E>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: AttemptError,
{
    type Output = T;
    type Error = E;

    fn into_result(self) -> Result<T, E> {
        self
    }
}

/// What a provider says about an attempt in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reconciled<T> {
    /// It acted; this is the result, as the handler would have returned it.
    Happened(T),
    /// It has not acted and will not: safe to run again.
    NotHappened,
    /// It cannot say now: stay in doubt, ask again later.
    Unanswered,
}

/// An orchestrated function: the command, then [`Context`](super::Context) and
/// [`State`](super::State)s. Implemented for every such `async fn` with up to nine arguments.
pub trait HandlerFn<Args>: Copy + Send + 'static {
    /// The first argument.
    type Command: TypedCommand;

    /// The states that it takes.
    fn needs() -> Vec<StateNeed>;

    /// Decodes the command, takes the other arguments, and returns the run.
    ///
    /// # Errors
    /// [`Unrunnable`] if the payload is not the command.
    fn start(self, call: &Call) -> Result<Run, Unrunnable>;
}

/// A `reconcile` function: arguments as the handler's, of which it may leave out any after the
/// command; returns `Reconciled<T>` or `Result<Reconciled<T>, E>`, whose error means unanswered.
pub trait ReconcileFn<Args, Output>: Copy + Send + 'static {
    /// The states that it takes.
    fn needs() -> Vec<StateNeed>;

    /// As [`HandlerFn::start`].
    ///
    /// # Errors
    /// [`Unrunnable`] if the payload is not the command.
    fn start(self, call: &Call) -> Result<Run, Unrunnable>;
}

/// What a reconcile function may return.
pub trait ReconcileAnswer<Output>: Send + 'static {
    /// The end to log.
    fn into_end(self) -> AttemptEnd;
}

impl<T: Serialize + Send + 'static> ReconcileAnswer<T> for Reconciled<T> {
    fn into_end(self) -> AttemptEnd {
        match self {
            Self::Happened(output) => succeeded(&output),
            Self::NotHappened => AttemptEnd::NotHappened,
            Self::Unanswered => {
                AttemptEnd::InDoubt { reason: "the provider cannot say yet".into() }
            }
        }
    }
}

impl<T, E> ReconcileAnswer<T> for Result<Reconciled<T>, E>
where
    T: Serialize + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    fn into_end(self) -> AttemptEnd {
        match self {
            Ok(answer) => answer.into_end(),
            Err(error) => {
                let reason = format!("the provider could not be asked: {error}");
                AttemptEnd::InDoubt { reason: crate::words::storable(&reason) }
            }
        }
    }
}

fn decode<C: TypedCommand>(call: &Call) -> Result<C, Unrunnable> {
    call.envelope
        .command
        .payload()
        .decode()
        .map_err(|e| Unrunnable { reason: format!("the payload {e}") })
}

/// The call has succeeded; if its result cannot be kept, that is a failure that somebody has to
/// look at, never a reason to call again.
fn succeeded<T: Serialize>(output: &T) -> AttemptEnd {
    AttemptEnd::Outcome(match Payload::json(output) {
        Ok(output) => Outcome::Ok { output },
        Err(error) => Outcome::Fail(
            Failure::new(code::OUTPUT_NOT_ENCODABLE, "the call succeeded, its result is lost")
                .cause(Some(&error.to_string()))
                .uncertain(true),
        ),
    })
}

macro_rules! functions {
    ($($argument:ident)*) => {
        impl<F, Fut, Cmd, $($argument,)*> HandlerFn<(Cmd, $($argument,)*)> for F
        where
            F: Fn(Cmd, $($argument),*) -> Fut + Copy + Send + 'static,
            Fut: Future<Output: HandlerResult> + Send + 'static,
            Cmd: TypedCommand,
            $($argument: FromCall,)*
        {
            type Command = Cmd;

            fn needs() -> Vec<StateNeed> {
                [None, $($argument::need()),*].into_iter().flatten().collect()
            }

            #[allow(non_snake_case, reason = "the arguments go by the names of their types")]
            fn start(self, call: &Call) -> Result<Run, Unrunnable> {
                let command = decode::<Cmd>(call)?;
                $(let $argument = $argument::from_call(call)?;)*
                Ok(Box::pin(async move {
                    match self(command, $($argument),*).await.into_result() {
                        Ok(output) => succeeded(&output),
                        Err(error) => end_of(&error),
                    }
                }))
            }
        }

        impl<F, Fut, Cmd, Output, $($argument,)*> ReconcileFn<(Cmd, $($argument,)*), Output> for F
        where
            F: Fn(Cmd, $($argument),*) -> Fut + Copy + Send + 'static,
            Fut: Future<Output: ReconcileAnswer<Output>> + Send + 'static,
            Cmd: TypedCommand,
            $($argument: FromCall,)*
        {
            fn needs() -> Vec<StateNeed> {
                [None, $($argument::need()),*].into_iter().flatten().collect()
            }

            #[allow(non_snake_case, reason = "the arguments go by the names of their types")]
            fn start(self, call: &Call) -> Result<Run, Unrunnable> {
                let command = decode::<Cmd>(call)?;
                $(let $argument = $argument::from_call(call)?;)*
                Ok(Box::pin(async move { self(command, $($argument),*).await.into_end() }))
            }
        }
    };
}

functions!();
functions!(A1);
functions!(A1 A2);
functions!(A1 A2 A3);
functions!(A1 A2 A3 A4);
functions!(A1 A2 A3 A4 A5);
functions!(A1 A2 A3 A4 A5 A6);
functions!(A1 A2 A3 A4 A5 A6 A7);
functions!(A1 A2 A3 A4 A5 A6 A7 A8);

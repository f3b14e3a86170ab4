use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{States, StoreError, monotonic};
use crate::words::{Envelope, FinalOutcome, storable};

tokio::task_local! {
    /// There while a finalize hook runs in this task.
    static IN_HOOK: ();
}

/// Refuses a call that waits for a write of its own: inside a hook it would wait for the transaction
/// that waits for the hook.
///
/// # Errors
/// [`StoreError::InsideHook`] in the task of a hook.
pub fn refuse_inside_hook() -> Result<(), StoreError> {
    match IN_HOOK.try_with(|()| ()) {
        Ok(()) => Err(StoreError::InsideHook),
        Err(_) => Ok(()),
    }
}

/// A user's function that runs inside the finalizing transaction, as it is registered.
///
/// Type-erased here, because each backend has its own connection type; the macro makes the
/// typed side.
#[derive(Clone, Copy)]
pub struct HookFn {
    /// The connection type that the user's function takes.
    pub connection: fn() -> ConnectionType,
    /// Runs it: on the connection, which is the backend's own type behind `Any`, with the final
    /// outcome and whatever else it takes.
    pub run: RunHook,
}

/// The function of a [`HookFn`].
pub type RunHook =
    for<'a> fn(&'a mut (dyn Any + Send), &'a FinalOutcome, HookContext<'a>) -> Hooked<'a>;

/// The future of a hook.
pub type Hooked<'a> = BoxFuture<'a, Result<(), HookError>>;

/// What a hook may take besides connection and outcome. Read as the envelope itself.
#[derive(Debug, Clone, Copy)]
pub struct HookContext<'a> {
    /// The operation. The envelope is that of the latest claim, or of the take-over by a sweep or
    /// an operator; its attempt is 0 if the handler was never run.
    pub envelope: &'a Envelope,
    /// The values of `Runtime::state`.
    pub states: &'a States,
}

impl Deref for HookContext<'_> {
    type Target = Envelope;

    fn deref(&self) -> &Envelope {
        self.envelope
    }
}

/// A finalize hook with the states that it may take: what a store runs.
#[derive(Clone)]
pub struct FinalizeHook {
    /// The user's function.
    pub function: HookFn,
    /// The values of `Runtime::state`.
    pub states: States,
}

/// A hook that takes no states.
impl From<HookFn> for FinalizeHook {
    fn from(function: HookFn) -> Self {
        Self { function, states: States::default() }
    }
}

impl FinalizeHook {
    /// Runs the hook.
    ///
    /// # Errors
    /// The hook's own.
    pub async fn run(
        &self,
        connection: &mut (dyn Any + Send),
        outcome: &FinalOutcome,
        of: &Envelope,
    ) -> Result<(), HookError> {
        let context = HookContext { envelope: of, states: &self.states };
        (self.function.run)(connection, outcome, context).await
    }

    /// Runs the hook for at most `limit`. The error is what it said, or its panic. `None` if it
    /// took longer: the connection may be in the middle of something, and must not be used again.
    pub async fn run_within(
        &self,
        limit: Duration,
        connection: &mut (dyn Any + Send),
        outcome: &FinalOutcome,
        of: &Envelope,
    ) -> Option<Result<(), String>> {
        let mut running = Box::pin(IN_HOOK.scope((), self.run(connection, outcome, of)));
        let ended = AssertUnwindSafe(&mut running).catch_unwind();
        let ended = monotonic::timeout(limit, ended).await;
        // What the hook still holds is dropped here, and user code may panic in that: its end stands.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(running))) {
            tracing::error!(panic = panic_text(&*panic), "what a hook held panicked when dropped");
        }
        let failed = match ended.ok()? {
            Ok(Ok(())) => return Some(Ok(())),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("finalize hook panicked: {}", panic_text(&*panic)),
        };
        Some(Err(storable(&failed)))
    }
}

/// What a panic said.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(the panic's value is no text)")
}

impl fmt::Debug for HookFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HookFn({})", (self.connection)().name)
    }
}

impl fmt::Debug for FinalizeHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FinalizeHook({}, {:?})", (self.function.connection)().name, self.states)
    }
}

/// The release of sqlx whose connections hooks get. Cargo takes two releases for two crates, whose
/// types only look alike.
pub const SQLX: &str = "sqlx 0.9";

/// The type of a connection, comparable and printable.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionType {
    id: TypeId,
    name: &'static str,
    library: Option<&'static str>,
}

impl ConnectionType {
    /// The type `C`.
    #[must_use]
    pub fn of<C: 'static>() -> Self {
        Self { id: TypeId::of::<C>(), name: type_name::<C>(), library: None }
    }

    /// The type `C` of [`SQLX`]: what a SQL store has.
    #[must_use]
    pub fn of_sqlx<C: 'static>() -> Self {
        Self { library: Some(SQLX), ..Self::of::<C>() }
    }

    /// Crate and release that it is from, where that is known.
    #[must_use]
    pub const fn library(&self) -> Option<&'static str> {
        self.library
    }

    /// The type's path, for messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl PartialEq for ConnectionType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for ConnectionType {}

/// Why a finalize hook did not succeed: the transaction is rolled back, the outcome stays
/// logged, and the Finalizer runs the hook again, without calling the provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("finalize hook failed: {reason}")]
pub struct HookError {
    reason: String,
}

impl HookError {
    /// Keeps the text of the user's error.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: storable(&reason.to_string()) }
    }
}

/// The connection as the type that the hook takes.
///
/// # Errors
/// [`HookError`] if the backend has another type; the runtime refuses to start before that.
pub fn connection<C: 'static>(any: &mut (dyn Any + Send)) -> Result<&mut C, HookError> {
    any.downcast_mut().ok_or_else(|| {
        HookError::new(format_args!(
            "the hook takes {}, which is not this backend's connection",
            type_name::<C>()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::words::{Command, Failure, OpId, Owner, Timestamp};

    struct Grumpy;

    impl Drop for Grumpy {
        fn drop(&mut self) {
            panic!("not like this");
        }
    }

    #[tokio::test]
    async fn one_whose_drop_panics_at_its_limit_has_overrun_and_no_more() {
        let hook = FinalizeHook::from(HookFn {
            connection: ConnectionType::of::<()>,
            run: |_, _, _| {
                Box::pin(async {
                    let _held = Grumpy;
                    pending().await
                })
            },
        });
        let command = Command::new("A", "B", "c", "d", "{}").unwrap();
        let now = Timestamp::from_micros(0);
        let of = Envelope::new(OpId::generate(), Owner::default(), command, now, now);
        let outcome = FinalOutcome::Failed(Failure::new("CODE", "text"));
        let ended = hook.run_within(Duration::from_millis(20), &mut (), &outcome, &of).await;
        assert_eq!(ended, None);
    }
}

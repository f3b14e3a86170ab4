//! The two boundaries that lie in the user's own code, and so no store sees them.

use std::any::Any;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use orch_core::runtime::RuntimeBuilder;
use orch_core::seams::{
    Call, FinalizeHook, FromCall, HookError, Registration, Run, StartFn, State, Unrunnable,
};
use orch_core::words::{AttemptEnd, Settlement};
use tokio::runtime::{Handle, Id};
use tokio::time::Interval;

use super::Boundary;
use super::gate::Gate;

/// How many calls the provider has seen.
pub(super) type Calls = Arc<dyn Fn() -> usize + Send + Sync>;

/// How often a provider outside of this process's tasks is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Has the handler, or its hook, die where the gate says so.
pub(super) fn intercept(
    builder: RuntimeBuilder,
    registration: Registration,
    gate: &Arc<Gate>,
    calls: Calls,
) -> RuntimeBuilder {
    let gate = Arc::clone(gate);
    match (gate.kill_at(), registration.finalize) {
        (Some(Boundary::Sent), _) => {
            let before = calls();
            builder
                .state(Sending { start: registration.run, before, calls, gate })
                .replace(Registration { run: die_once_sent, ..registration })
        }
        (Some(Boundary::Hook), Some(hook)) => {
            *HOOK.lock().unwrap() = Some(Hooked { hook, process: Handle::current().id(), gate });
            let hook = FinalizeHook { run: die_in_hook, ..hook };
            builder.replace(Registration { finalize: Some(hook), ..registration })
        }
        _ => builder,
    }
}

/// A handler that is to die once its call has reached the provider.
struct Sending {
    start: StartFn,
    before: usize,
    calls: Calls,
    gate: Arc<Gate>,
}

fn die_once_sent(call: &Call) -> Result<Run, Unrunnable> {
    let sending = State::<Sending>::from_call(call)?;
    let run = (sending.start)(call)?;
    let look = tokio::time::interval(LOOK_EVERY);
    Ok(Box::pin(UntilSent { run, sending, look }))
}

/// Polls the handler's future until the provider has a call of it, and never again: in that
/// state it is dropped.
struct UntilSent {
    run: Run,
    sending: State<Sending>,
    look: Interval,
}

impl UntilSent {
    fn sent(&self) -> bool {
        let sent = (self.sending.calls)() > self.sending.before;
        if sent {
            self.sending.gate.die();
        }
        sent
    }
}

impl Future for UntilSent {
    type Output = AttemptEnd;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AttemptEnd> {
        if self.sent() {
            return Poll::Pending;
        }
        let polled = self.run.as_mut().poll(context);
        if self.sent() {
            return Poll::Pending;
        }
        // A fake behind a socket acts without waking anybody here.
        while polled.is_pending() && self.look.poll_tick(context).is_ready() {}
        polled
    }
}

/// A hook that is to die. Hooks are plain functions, so there is one place for it; the matrix
/// lets one process at a time have it.
struct Hooked {
    hook: FinalizeHook,
    process: Id,
    gate: Arc<Gate>,
}

static HOOK: Mutex<Option<Hooked>> = Mutex::new(None);

/// Whose turn it is to have [`HOOK`].
pub(super) static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Runs the user's hook, and dies before anybody can commit.
///
/// A hook in a task of the dying process is dropped there with its transaction. SQLite runs hooks
/// on a thread of its own, which would outlive that process; there the transaction is rolled back
/// as after a hook that failed, and the next try is put off as after one.
fn die_in_hook<'a>(
    connection: &'a mut (dyn Any + Send),
    settlement: &'a Settlement,
) -> BoxFuture<'a, Result<(), HookError>> {
    Box::pin(async move {
        let armed = HOOK.lock().unwrap().take();
        let Some(Hooked { hook, process, gate }) = armed else {
            return Err(HookError::new("this process is dead"));
        };
        (hook.run)(connection, settlement).await?;
        gate.die();
        if Handle::current().id() == process {
            pending().await
        }
        Err(HookError::new("the process died in the hook"))
    })
}

//! The two boundaries that lie in the user's own code, and so no store sees them.

use std::any::Any;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use orch_core::handler::{Call, FromCall, HandlerFuture, Registration, StartFn, State, Unrunnable};
use orch_core::policies::HandlerEnd;
use orch_core::runtime::RuntimeBuilder;
use orch_core::store::{HookContext, HookError, HookFn, Hooked};
use orch_core::words::{FinalOutcome, OpId};
use tokio::runtime::{Handle, Id};
use tokio::time::Interval;

use super::Boundary;
use super::gate::Gated;

/// How many calls the provider has seen.
pub(super) type Calls = Arc<dyn Fn() -> usize + Send + Sync>;

/// How often a provider outside of this process's tasks is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Has the handler, or its hook, die where the gate says so.
pub(super) fn intercept(
    builder: RuntimeBuilder,
    registration: Registration,
    gate: &Arc<Gated>,
    calls: Calls,
) -> RuntimeBuilder {
    let gate = Arc::clone(gate);
    match (gate.kill_at(), registration.finalize) {
        (Some(Boundary::Sent), _) => {
            let before = calls();
            builder
                .state(Sending { start: registration.attempt, before, calls, gate })
                .replace(Registration { attempt: die_once_sent, ..registration })
        }
        (Some(Boundary::Hook), Some(hook)) => {
            let process = Handle::current().id();
            DYING.lock().unwrap().push(Dying { hook, process, gate });
            let hook = HookFn { run: die_in_hook, ..hook };
            builder.replace(Registration { finalize: Some(hook), ..registration })
        }
        // It may be of another release than what is linked in for the kind.
        _ => builder.replace(registration),
    }
}

/// A handler that is to die once its call has reached the provider.
struct Sending {
    start: StartFn,
    before: usize,
    calls: Calls,
    gate: Arc<Gated>,
}

fn die_once_sent(call: &Call) -> Result<HandlerFuture, Unrunnable> {
    let sending = State::<Sending>::from_call(call)?;
    let run = (sending.start)(call)?;
    let look = tokio::time::interval(LOOK_EVERY);
    Ok(Box::pin(UntilSent { run, sending, look }))
}

/// Polls the handler's future until the provider has a call of it, and never again: in that
/// state it is dropped.
struct UntilSent {
    run: HandlerFuture,
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
    type Output = HandlerEnd;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<HandlerEnd> {
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

/// A hook that is to die.
struct Dying {
    hook: HookFn,
    process: Id,
    gate: Arc<Gated>,
}

/// Hooks are plain functions: they find here what they are to do, by the operation.
static DYING: Mutex<Vec<Dying>> = Mutex::new(Vec::new());

/// Runs the user's hook, and dies before anybody can commit.
///
/// A hook in a task of the dying process is dropped there with its transaction. SQLite runs hooks
/// on a thread of its own, which would outlive that process; there the transaction is rolled back
/// as after a hook that failed, and the next try is put off as after one.
fn die_in_hook<'a>(
    connection: &'a mut (dyn Any + Send),
    outcome: &'a FinalOutcome,
    of: HookContext<'a>,
) -> Hooked<'a> {
    Box::pin(async move {
        let Some(Dying { hook, process, gate }) = dying(of.op_id) else {
            return Err(HookError::new("this process is dead"));
        };
        (hook.run)(connection, outcome, of).await?;
        gate.die();
        if Handle::current().id() == process {
            pending().await
        }
        Err(HookError::new("the process died in the hook"))
    })
}

fn dying(op_id: OpId) -> Option<Dying> {
    let mut all = DYING.lock().unwrap();
    let place = all.iter().position(|dying| dying.gate.accepted() == Some(op_id))?;
    Some(all.swap_remove(place))
}

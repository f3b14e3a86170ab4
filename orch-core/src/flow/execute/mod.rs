//! Running one attempt.

mod panics;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use tracing::Instrument;

use super::{Handler, HeldLease};
use crate::handler::{Call, HandlerFuture, States, Unrunnable};
use crate::policies::{HandlerEnd, Submitted};
use crate::store::{ClaimedOperation, Purpose, monotonic};
use crate::words::{AttemptEnd, Envelope, storable};

pub(super) use panics::remember_panic_places;

/// How a handler, or its reconcile, has ended.
pub(super) struct Ran {
    /// What that means for the operation, in view of the doubt that stood when it was claimed.
    pub(super) end: AttemptEnd,
    /// What the provider has accepted the call as.
    pub(super) submitted: Option<Submitted>,
}

/// Runs the handler, or its reconcile, to its end.
///
/// # Errors
/// [`Unrunnable`] if it was not run at all: the payload is not its command, or it has no reconcile.
pub(super) async fn execute(
    handler: &Handler,
    operation: ClaimedOperation,
    states: &States,
    held: &HeldLease,
) -> Result<Ran, Unrunnable> {
    let (unresolved, effect) = (operation.unresolved, handler.registration.descriptor.effect);
    let (purpose, timeout) = (operation.purpose, handler.timeout(operation.purpose));
    let call = Call {
        envelope: Arc::new(operation.envelope),
        states: states.clone(),
        ends_at: monotonic::now() + timeout,
        cancelled: held.lost().clone(),
    };
    // So that each line that the handler logs says which operation it is about.
    let Envelope { op_id, attempt, .. } = &*call.envelope;
    let span = tracing::info_span!("attempt", %op_id, kind = %handler.policy.kind, attempt);
    let running = span.in_scope(|| start(handler, purpose, &call))?;
    let mut ended = run_to_end(running, purpose, timeout, held).instrument(span).await;
    let submitted = ended.submitted.take();
    Ok(Ran { end: ended.of_operation(unresolved, effect), submitted })
}

/// Decodes the command and makes the future; user code (a `Deserialize`, say) may panic here.
fn start(handler: &Handler, purpose: Purpose, call: &Call) -> Result<HandlerFuture, Unrunnable> {
    let registration = &handler.registration;
    let start = match purpose {
        Purpose::Attempt => registration.attempt,
        Purpose::Reconcile => registration.reconcile.ok_or_else(|| Unrunnable {
            reason: "the operation is to be reconciled, but its handler has no reconcile".into(),
        })?,
    };
    std::panic::catch_unwind(AssertUnwindSafe(|| start(call))).unwrap_or_else(|panic| {
        let reason = format!("decoding the command {}", panics::describe(&*panic));
        Err(Unrunnable { reason: storable(&reason) })
    })
}

async fn run_to_end(
    mut handler: HandlerFuture,
    purpose: Purpose,
    timeout: Duration,
    held: &HeldLease,
) -> HandlerEnd {
    let in_doubt = |reason: String| HandlerEnd::from(AttemptEnd::InDoubt { reason });
    let what = match purpose {
        Purpose::Attempt => "attempt",
        Purpose::Reconcile => "reconcile",
    };
    let end = tokio::select! {
        biased;
        end = AssertUnwindSafe(&mut handler).catch_unwind() => end.unwrap_or_else(|panic| {
            in_doubt(storable(&format!("the handler {}", panics::describe(&*panic))))
        }),
        () = held.lost().cancelled() => {
            in_doubt("cancelled: the lease was lost, or the worker shut down".into())
        }
        () = monotonic::sleep(timeout) => {
            in_doubt(format!("no answer within the {what} timeout of {timeout:?}"))
        }
    };
    // What the handler still holds is dropped here, and user code may panic in that: the end stands.
    if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(handler))) {
        tracing::error!("what the handler held {} while it was dropped", panics::describe(&*panic));
    }
    end
}

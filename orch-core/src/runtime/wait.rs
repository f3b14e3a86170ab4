use std::time::Duration;

use super::{Accepted, Orchestrator, QueryError};
use crate::handler::{HandledCommand, Storable};
use crate::policies::Backoff;
use crate::store::monotonic;
use crate::words::{FinalOutcome, OpId, Operation, Payload, Waited};

/// Between two polls of the store while another process may finish the operation.
const LOOK_EVERY: Backoff = Backoff::from_millis(5, 250);

impl Orchestrator {
    /// Waits until the operation is terminal, at most for `timeout`. After that it returns
    /// [`Waited::Pending`]: answer 202 and let the client ask again later. A worker in this process
    /// wakes the call at once; the end by another process is noticed by polling.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn wait<C: HandledCommand>(
        &self,
        accepted: &Accepted<C>,
        timeout: Duration,
    ) -> Result<Waited<C::Output>, QueryError> {
        let op_id = accepted.op_id;
        Ok(match self.wait_for(op_id, timeout).await? {
            Waited::Ok(output) => {
                Waited::Ok(C::Output::from_payload(&output).map_err(|undecodable| {
                    QueryError::Undecodable { op_id, reason: undecodable.to_string() }
                })?)
            }
            Waited::Failed(failure) => Waited::Failed(failure),
            Waited::Pending(operation) => Waited::Pending(operation),
        })
    }

    /// [`Orchestrator::wait`] for an operation of which only the id is known: the output stays
    /// encoded.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn wait_for(
        &self,
        op_id: OpId,
        timeout: Duration,
    ) -> Result<Waited<Payload>, QueryError> {
        let started = monotonic::now();
        let waiter = self.watch().waiter(op_id);
        let mut looks = 0;
        loop {
            let operation = self.get(op_id).await?.ok_or(QueryError::NotFound { op_id })?;
            let waited = waited(operation);
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() || !matches!(waited, Waited::Pending(_)) {
                return Ok(waited);
            }
            looks += 1;
            let pause = LOOK_EVERY.delay(looks, fastrand::f64()).min(left);
            // Only the waiting is cut off, never the call to the database.
            let _ = monotonic::timeout(pause, waiter.moved()).await;
        }
    }
}

fn waited(mut operation: Operation) -> Waited<Payload> {
    match operation.outcome.take() {
        Some(FinalOutcome::Ok(output)) => Waited::Ok(output),
        Some(FinalOutcome::Failed(failure)) => Waited::Failed(failure),
        None => Waited::Pending(Box::new(operation)),
    }
}

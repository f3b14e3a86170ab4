use std::time::{Duration, Instant};

use super::{Accepted, Orchestrator, QueryError};
use crate::handler::{Handled, Storable};
use crate::policies::Backoff;
use crate::words::{OpId, Operation, Payload, Settled, Settlement};

/// Between two looks at the store while another process may finish the operation.
const LOOK_EVERY: Backoff = Backoff::from_millis(5, 250);

impl Orchestrator {
    /// Waits until the operation is terminal, at most for `timeout`; [`Settled::Pending`] then:
    /// answer 202 and ask again later. Woken at once by a worker in this process; another
    /// process's is noticed by polling.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn wait<C: Handled>(
        &self,
        accepted: &Accepted<C>,
        timeout: Duration,
    ) -> Result<Settled<C::Output>, QueryError> {
        let op_id = accepted.op_id;
        Ok(match self.wait_for(op_id, timeout).await? {
            Settled::Ok(output) => {
                Settled::Ok(C::Output::from_payload(&output).map_err(|undecodable| {
                    QueryError::Undecodable { op_id, reason: undecodable.to_string() }
                })?)
            }
            Settled::Failed(failure) => Settled::Failed(failure),
            Settled::Pending(operation) => Settled::Pending(operation),
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
    ) -> Result<Settled<Payload>, QueryError> {
        let started = Instant::now();
        let waiter = self.watch().waiter(op_id);
        let mut looks = 0;
        loop {
            let operation = self.get(op_id).await?.ok_or(QueryError::NotFound { op_id })?;
            let settled = settled(operation);
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() || !matches!(settled, Settled::Pending(_)) {
                return Ok(settled);
            }
            looks += 1;
            let pause = LOOK_EVERY.delay(looks, fastrand::f64()).min(left);
            // Only the waiting is cut off, never the call to the database.
            let _ = tokio::time::timeout(pause, waiter.moved()).await;
        }
    }
}

fn settled(mut operation: Operation) -> Settled<Payload> {
    match operation.settlement.take() {
        Some(Settlement::Ok { output }) => Settled::Ok(output),
        Some(Settlement::Failed(failure)) => Settled::Failed(failure),
        None => Settled::Pending(Box::new(operation)),
    }
}

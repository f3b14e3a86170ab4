//! A client that wants a seat which others want too, until somebody has it for good.

use std::time::Duration;

use orch::internals::flow::AcceptError;
use orch::{OpId, Phase, RedriveError, Status};
use orch_lab::plan::now_us;

use super::{AGAIN, Client, Line};
use crate::handlers::Reserve;
use crate::order::Order;

/// All clients look and ask at whole multiples of this, so that they ask at once. Looking four times as
/// often would be more work for the database than all orders are.
const MOMENT: Duration = Duration::from_millis(400);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
enum Ask {
    /// A new operation, by a key of its own.
    Accept,
    /// This failed operation again.
    Redrive(OpId),
}

/// What a client was told.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// The operation of its own request.
    Ours(OpId),
    /// Nothing is accepted, since this one is there.
    Taken(OpId),
    /// The provider may have acted, so it is not redriven.
    Uncertain,
}

impl Client {
    /// Asks, and whenever the operation that it was told of has failed, asks again: for its own request
    /// where another one's stood in the way, for a redrive where it was its own. Whoever begins this
    /// again gets the same answers, so a client that is killed leaves nothing open.
    pub(super) async fn want(&self, order: Order) -> crate::Result<()> {
        let (mut ask, mut failed) = (Ask::Accept, None);
        loop {
            let (answer, op_id) = match self.ask(order, ask).await? {
                answer @ (Answer::Ours(op_id) | Answer::Taken(op_id)) => (answer, op_id),
                Answer::Uncertain => break,
            };
            if matches!(answer, Answer::Taken(_)) && failed == Some(op_id) {
                self.note(&Line::Stuck { order: order.number, op_id: op_id.to_string() })?;
                break;
            }
            if !self.fails(op_id).await? {
                break;
            }
            failed = Some(op_id);
            if matches!(answer, Answer::Ours(_)) {
                if !self.world.orders.is_redriven(order) {
                    break;
                }
                ask = Ask::Redrive(op_id);
            }
            moment(0).await;
            if matches!(ask, Ask::Accept) && self.world.orders.lets_redrives_first(order) {
                moment(1).await;
            }
        }
        self.note(&Line::Done { order: order.number })
    }

    async fn ask(&self, order: Order, ask: Ask) -> crate::Result<Answer> {
        let answer = match ask {
            Ask::Accept if order.is_first() => {
                let (one, other) = tokio::try_join!(self.reserve(order), self.reserve(order))?;
                if matches!(one, Answer::Ours(_)) { one } else { other }
            }
            Ask::Accept => self.reserve(order).await?,
            Ask::Redrive(op_id) => self.redrive(order, op_id).await?,
        };
        Ok(answer)
    }

    async fn reserve(&self, order: Order) -> crate::Result<Answer> {
        let (number, lane) = (order.number, self.lane);
        self.note(&Line::Sent { order: number })?;
        loop {
            let command = Reserve::of(order);
            let accepting = self.orchestrator.accept(command).idem_key(order.idem_key())?;
            match accepting.time_budget(order.time_budget(self.world.duration)).await {
                Ok(accepted) => {
                    let op_id = accepted.op_id;
                    self.note(&Line::Told { order: number, op_id: op_id.to_string(), lane })?;
                    return Ok(Answer::Ours(op_id));
                }
                Err(AcceptError::Taken { op_id }) => return self.taken(order, op_id),
                Err(AcceptError::Store(_)) => tokio::time::sleep(AGAIN).await,
                Err(error) => return Err(format!("order {number}: {error}").into()),
            }
        }
    }

    async fn redrive(&self, order: Order, failed: OpId) -> crate::Result<Answer> {
        let (number, lane) = (order.number, self.lane);
        self.note(&Line::Redriving { order: number, op_id: failed.to_string() })?;
        loop {
            match self.orchestrator.redrive(failed).await {
                Ok(op_id) => {
                    self.note(&Line::Told { order: number, op_id: op_id.to_string(), lane })?;
                    return Ok(Answer::Ours(op_id));
                }
                Err(RedriveError::Taken { by, .. }) => return self.taken(order, by),
                Err(RedriveError::Uncertain { .. }) => return Ok(Answer::Uncertain),
                Err(RedriveError::Store(_)) => tokio::time::sleep(AGAIN).await,
                Err(error) => return Err(format!("order {number}: {error}").into()),
            }
        }
    }

    fn taken(&self, order: Order, op_id: OpId) -> crate::Result<Answer> {
        self.note(&Line::Taken { order: order.number, op_id: op_id.to_string() })?;
        Ok(Answer::Taken(op_id))
    }

    /// Waits for the end of an operation; false if it has not failed, or is not there.
    async fn fails(&self, op_id: OpId) -> crate::Result<bool> {
        loop {
            match self.orchestrator.get(op_id).await {
                Ok(Some(operation)) => match (operation.status, operation.phase) {
                    (Status::Failed, _) => return Ok(true),
                    (Status::Completed, _) | (_, Some(Phase::Parked)) => return Ok(false),
                    _ => {}
                },
                // The checker knows that it never was.
                Ok(None) => return Ok(false),
                // Asked again while the database is away.
                Err(_) => {}
            }
            moment(0).await;
        }
    }
}

/// Waits for the next moment, and for so many more.
async fn moment(more: u32) {
    let moment = i64::try_from(MOMENT.as_micros()).unwrap_or(i64::MAX);
    let rest = moment - now_us().rem_euclid(moment);
    tokio::time::sleep(Duration::from_micros(rest.unsigned_abs()) + MOMENT * more).await;
}

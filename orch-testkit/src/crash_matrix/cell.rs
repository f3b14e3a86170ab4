//! One cell: one process is killed, or two in a row, and the next one brings the operation to its
//! end.

use std::sync::Arc;

use orch_core::handler::Registration;
use orch_core::store::ManualClock;
use orch_core::words::{Command, OpId, Operation};

use super::books::ProviderBooks;
use super::drive::{Driven, drive};
use super::process::{Process, Start};
use super::{Boundary, Matrix};

/// What one kill led to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cell {
    /// Where the process was killed; `None` for the run in which none was.
    pub boundary: Option<Boundary>,
    /// How many processes died there, one after the other.
    pub deaths: usize,
    /// False if the operation ended before the process came to its boundary.
    pub killed: bool,
    /// The operation in the end.
    pub operation: Operation,
    /// True if it is terminal or parked.
    pub ended: bool,
    /// The operation of an earlier process, if it is not the one that the repeated request found.
    pub doubled: Option<OpId>,
    /// The key of each call to the provider.
    pub keys: Vec<String>,
    /// How often the provider has acted.
    pub effects: usize,
}

impl Cell {
    /// True if the handler ran once more after the death of a process that had begun to run it.
    pub(super) const fn ran_again(&self) -> bool {
        self.operation.lost_attempts > 0 && self.operation.attempt > self.operation.lost_attempts
    }
}

impl<P: ProviderBooks> Matrix<P> {
    /// Kills so many processes at this boundary, one after the other.
    pub(super) async fn cell(&self, kill_at: Option<Boundary>, kills: usize) -> Cell {
        let world = self.world();
        let (mut deaths, mut accepted) = (0, Vec::new());
        if let Some(boundary) = kill_at {
            while deaths < kills {
                let (killed, op_id) = world.until_killed(self, boundary).await;
                accepted.extend(op_id);
                if !killed {
                    break;
                }
                deaths += 1;
            }
        }
        let successor = self.successor.filter(|_| deaths > 0);
        let (op_id, end) = world.to_the_end(self, successor).await;
        let (ended, operation) = match end {
            Driven::Ended(operation) => (true, operation),
            Driven::Stuck(Some(operation)) => (false, operation),
            Driven::Stuck(None) | Driven::Died | Driven::Left => {
                panic!("nobody kills the last process, and it leaves nothing")
            }
        };
        Cell {
            boundary: kill_at,
            deaths,
            killed: deaths > 0,
            operation,
            ended,
            doubled: accepted.into_iter().find(|accepted| *accepted != op_id),
            keys: world.provider.keys(),
            effects: world.provider.effects(),
        }
    }

    fn world(&self) -> World<P> {
        World {
            command: self.request.command(),
            database: (self.database)(),
            provider: Arc::new((self.provider)()),
            clock: Arc::default(),
        }
    }
}

/// What outlives a process.
struct World<P> {
    command: Command,
    database: Arc<dyn super::Database>,
    provider: Arc<P>,
    clock: Arc<ManualClock>,
}

impl<P: ProviderBooks> World<P> {
    /// A process that is to die: whether it came to its boundary, and what it had accepted.
    async fn until_killed(&self, matrix: &Matrix<P>, boundary: Boundary) -> (bool, Option<OpId>) {
        let process = self.process(matrix, matrix.registration, Some(boundary)).await;
        if let Some(op_id) = self.accept(&process, matrix).await {
            drive(&process, &self.clock, op_id, matrix.patience(), false).await;
        }
        let gate = Arc::clone(&process.gate);
        (process.end().await, gate.accepted())
    }

    /// The last process. Its client is the first one's, which has heard of no end, and so sends
    /// its request again. One of another release comes before it, if there is such a successor: it may
    /// leave the operation to the last one.
    async fn to_the_end(
        &self,
        matrix: &Matrix<P>,
        successor: Option<Registration>,
    ) -> (OpId, Driven) {
        if let Some(successor) = successor {
            let (op_id, end) = self.driven(matrix, successor, true).await;
            if !matches!(end, Driven::Left) {
                return (op_id, end);
            }
        }
        self.driven(matrix, matrix.registration, false).await
    }

    /// What a process that nobody kills makes of it.
    async fn driven(
        &self,
        matrix: &Matrix<P>,
        registration: Registration,
        may_leave: bool,
    ) -> (OpId, Driven) {
        let process = self.process(matrix, registration, None).await;
        let op_id = self.accept(&process, matrix).await.expect("nobody kills this process");
        let end = drive(&process, &self.clock, op_id, matrix.patience(), may_leave).await;
        process.end().await;
        (op_id, end)
    }

    async fn process(
        &self,
        matrix: &Matrix<P>,
        registration: Registration,
        kill_at: Option<Boundary>,
    ) -> Process {
        let provider = Arc::clone(&self.provider);
        let (states, given) = (matrix.states.clone(), Arc::clone(&self.provider));
        Process::start(Start {
            database: Arc::clone(&self.database),
            clock: Arc::clone(&self.clock),
            registration,
            states: Box::new(move |builder| {
                states.iter().fold(builder, |builder, state| state(builder, &given))
            }),
            calls: Arc::new(move || provider.keys().len()),
            kill_at,
        })
        .await
    }

    /// Sends the request. `None` if the process dies before its answer.
    async fn accept(&self, process: &Process, matrix: &Matrix<P>) -> Option<OpId> {
        let orchestrator = process.orchestrator.clone();
        let (command, budget) = (self.command.clone(), matrix.time_budget);
        let accepted =
            process.run(async move { orchestrator.start(command, budget).await }).await?;
        match accepted {
            Ok(op_id) => Some(op_id),
            Err(error) => panic!("the command of the crash matrix was not accepted: {error}"),
        }
    }
}

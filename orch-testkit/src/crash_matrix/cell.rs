//! One cell: one process is killed, or two in a row, and the next one brings the operation to its
//! end.

use std::sync::Arc;
use std::time::Duration;

use orch_core::handler::Registration;
use orch_core::store::{ManualClock, monotonic};
use orch_core::words::{Command, LogEntry, OpId, Operation, Owner, Source};

use super::books::ProviderBooks;
use super::drive::{Driven, drive};
use super::process::{Process, Start};
use super::telling::{Telling, reference, tell};
use super::{Boundary, Matrix};

/// What one kill led to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cell {
    /// Where the process was killed; `None` for the run in which none was.
    pub boundary: Option<Boundary>,
    /// How many processes died there, one after the other.
    pub deaths: usize,
    /// How the provider told of it by itself; `None` if it did not.
    pub told: Option<Telling>,
    /// True if it told that the call had happened.
    pub told_happened: bool,
    /// True if the history has what it told.
    pub in_history: bool,
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
    /// Kills so many processes at this boundary, one after the other; then the provider tells of it.
    pub(super) async fn cell(
        &self,
        kill_at: Option<Boundary>,
        kills: usize,
        told: Option<Telling>,
    ) -> Cell {
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
        let message = world.told(self, told, accepted.last().copied()).await;
        let successor = self.successor.filter(|_| deaths > 0);
        let (op_id, end) = world.to_the_end(self, successor, message).await;
        let (ended, operation) = match end {
            Driven::Ended(operation) => (true, operation),
            Driven::Stuck(Some(operation)) => (false, operation),
            Driven::Stuck(None) | Driven::Died | Driven::Left => {
                panic!("nobody kills the last process, and it leaves nothing")
            }
        };
        let history = world.history(op_id).await;
        Cell {
            told,
            told_happened: message.is_some_and(|message| message.happened),
            in_history: history.iter().any(is_told),
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

/// A message that was told.
#[derive(Clone, Copy)]
struct Told {
    telling: Telling,
    op_id: OpId,
    happened: bool,
}

/// A message that waits for an attempt is looked at at least so often.
const LONGEST_KEPT: Duration = Duration::from_secs(61);
/// Looks at a message that is to be applied, and the time between two.
const LOOKS: u32 = 2_000;
const LOOK_EVERY: Duration = Duration::from_millis(5);

fn is_told(entry: &LogEntry) -> bool {
    entry.source == Source::Provider
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
        message: Option<Told>,
    ) -> (OpId, Driven) {
        if let Some(successor) = successor {
            let (op_id, end) = self.driven(matrix, successor, true, message).await;
            if !matches!(end, Driven::Left) {
                return (op_id, end);
            }
        }
        self.driven(matrix, matrix.registration, false, message).await
    }

    /// What a process that nobody kills makes of it.
    async fn driven(
        &self,
        matrix: &Matrix<P>,
        registration: Registration,
        may_leave: bool,
        message: Option<Told>,
    ) -> (OpId, Driven) {
        let process = self.process(matrix, registration, None).await;
        let op_id = self.accept(&process, matrix).await.expect("nobody kills this process");
        let mut end = drive(&process, &self.clock, op_id, matrix.patience(), may_leave).await;
        if let (Some(message), Driven::Ended(_)) = (message, &end) {
            self.after_the_end(matrix, &process, message).await;
            // It may have completed what was parked, and then there is the hook.
            end = drive(&process, &self.clock, op_id, matrix.patience(), may_leave).await;
        }
        process.end().await;
        (op_id, end)
    }

    /// The message, once a process has died.
    async fn told(
        &self,
        matrix: &Matrix<P>,
        telling: Option<Telling>,
        op_id: Option<OpId>,
    ) -> Option<Told> {
        let (record, telling, op_id) = (matrix.tells.as_ref()?, telling?, op_id?);
        let world = (&*self.database, Arc::clone(&self.clock));
        let happened = tell(record, telling, world, op_id, &*self.provider).await;
        Some(Told { telling, op_id, happened })
    }

    /// What was not to be recorded, or not known, before; then all that waits is looked at.
    async fn after_the_end(&self, matrix: &Matrix<P>, process: &Process, message: Told) {
        let Told { telling, op_id, happened } = message;
        match telling {
            // As it was written: it stands for what was true then.
            Telling::Again if happened => {
                self.told(matrix, Some(Telling::AtOnce), Some(op_id)).await;
            }
            Telling::Unreferred => {
                let orchestrator = process.orchestrator.clone();
                let of = reference(op_id);
                let referred = process.run(async move { orchestrator.refer(of, op_id).await });
                referred.await.expect("nobody kills this process").expect("the store answers");
            }
            _ => {}
        }
        for _ in 0..LOOKS {
            if !happened || self.history(op_id).await.iter().any(is_told) {
                return;
            }
            self.clock.advance(LONGEST_KEPT);
            monotonic::sleep(LOOK_EVERY).await;
        }
    }

    async fn history(&self, op_id: OpId) -> Vec<LogEntry> {
        let store = self.database.open(Arc::clone(&self.clock)).await;
        store.history(&Owner::default(), op_id).await.expect("the store answers")
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

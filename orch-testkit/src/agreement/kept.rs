use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orch_core::machine::{Entry, EntryWrite, Request, Row, Step};
use orch_core::policies::KindPolicy;
use orch_core::store::{ManualClock, Store};
use orch_core::words::{Failure, LogStatus, OpId};

/// All that a store keeps of one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What was asked for.
    pub request: Request,
    /// Its row.
    pub row: Row,
    /// Its log, oldest first.
    pub log: Vec<Entry>,
    /// The failure on its dead letter, and how many late answers are counted there.
    pub letter: Option<(Failure, u32)>,
}

/// A store whose rows a test can write and read as they are, past its verbs.
#[async_trait]
pub trait KeptRows: Send + Sync + 'static {
    /// A store on new, empty, migrated data, which reads this clock.
    async fn open(&self, clock: Arc<ManualClock>) -> Arc<dyn Store>;

    /// Removes every operation and keeps these instead. Called after [`KeptRows::open`].
    async fn put(&self, all: &[Kept]);

    /// What is kept of these operations, in the same order.
    async fn kept(&self, op_ids: &[OpId]) -> Vec<Kept>;
}

impl Kept {
    /// What a store must keep after this step.
    pub(super) fn after(&self, step: &Step) -> Self {
        let mut after = Self { row: step.row.clone(), ..self.clone() };
        for write in &step.entries {
            after.write(write);
        }
        if let Some(failure) = &step.letter {
            after.letter = Some((failure.clone(), 0));
        }
        after
    }

    fn write(&mut self, write: &EntryWrite) {
        let (EntryWrite::Append(new) | EntryWrite::Update(new)) = write;
        let same =
            |entry: &&mut Entry| (entry.log.fence, entry.log.late) == (new.log.fence, new.log.late);
        match (write, self.log.iter_mut().find(same)) {
            (EntryWrite::Append(_), None) => {
                if let (true, Some((_, late_outcomes))) = (new.log.late, &mut self.letter) {
                    *late_outcomes += 1;
                }
                self.log.push(new.clone());
            }
            (EntryWrite::Update(_), Some(there)) => *there = new.clone(),
            (EntryWrite::Append(_), Some(_)) | (EntryWrite::Update(_), None) => {}
        }
    }

    /// The same without what no store has to keep: of a terminal operation the rules and counts
    /// that only a next attempt would need, of a finalized entry its backoff.
    pub(super) fn comparable(mut self) -> Self {
        if self.row.status.is_terminal() {
            self.row.policy = KindPolicy::new(self.row.policy.kind);
            self.row.reconciles = 0;
            self.row.uncounted = 0;
            self.row.already_done = false;
            self.row.submitted = false;
            self.row.incarnation = 0;
            self.row.unhandled_since = None;
            self.row.key_generation = 0;
            self.row.first_called_at = None;
        }
        for entry in &mut self.log {
            if entry.log.status == LogStatus::Completed {
                entry.delay = Duration::ZERO;
                entry.hook_failures = 0;
            }
        }
        self
    }
}

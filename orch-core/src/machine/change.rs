use super::next::Move;
use super::{Answer, Entry, EntryWrite, Finalized, Row, Step};
use crate::words::{ClaimId, Failure, FinalOutcome, Phase, Status, Timestamp};

/// A step in the making: the row as it changes, and what is to be written beside it.
pub(super) struct Change {
    pub(super) row: Row,
    pub(super) now: Timestamp,
    entries: Vec<EntryWrite>,
    letter: Option<Failure>,
}

impl Change {
    pub(super) fn of(row: &Row, now: Timestamp) -> Self {
        Self { row: row.clone(), now, entries: Vec::new(), letter: None }
    }

    /// PENDING → IN_PROGRESS; one in progress stays so. False for a terminal operation.
    pub(super) fn begin(&mut self) -> bool {
        if self.row.status != Status::InProgress {
            let Ok(status) = self.row.status.transition(Status::InProgress) else { return false };
            self.row.status = status;
            self.row.phase = Some(Phase::Running);
        }
        true
    }

    /// Who had a claim is stale from here on. The id is that of the claim that supersedes it, if
    /// one does.
    pub(super) fn supersede(&mut self, by: ClaimId) {
        self.row.fence = self.row.fence.next(by);
    }

    /// No worker holds the operation, and none may claim it yet.
    pub(super) fn end_lease(&mut self) {
        self.row.lease_expires_at = None;
        self.row.worker = None;
        self.row.started_at = None;
        self.row.due_at = None;
    }

    /// Makes a move. The lease ends with it.
    pub(super) fn make(&mut self, next: Move) {
        self.end_lease();
        match next {
            Move::Wait { not_before } => {
                self.row.phase = Some(Phase::Waiting);
                self.row.due_at = Some(not_before);
            }
            Move::Doubt { not_before } => {
                self.row.phase = Some(Phase::InDoubt);
                self.row.due_at = Some(not_before);
            }
            Move::Submit { due_at } => {
                self.row.phase = Some(Phase::Submitted);
                self.row.due_at = Some(due_at);
            }
            Move::Park => self.row.phase = Some(Phase::Parked),
            Move::Finish(outcome) => self.finish(outcome),
        }
    }

    /// Here an operation becomes COMPLETED or FAILED; nowhere else. A terminal one stays as it is.
    fn finish(&mut self, outcome: FinalOutcome) {
        let Ok(status) = self.row.status.transition(outcome.status()) else { return };
        self.row.status = status;
        self.row.phase = None;
        self.row.finished_at = Some(self.now);
        self.row.expires_at = Some(self.now.plus(self.row.policy.retention.after(&outcome)));
        self.row.reason = None;
        if let FinalOutcome::Failed(failure) = &outcome {
            self.letter = Some(failure.clone());
        }
        self.row.outcome = Some(outcome);
    }

    pub(super) fn append(&mut self, entry: Entry) {
        self.entries.push(EntryWrite::Append(entry));
    }

    pub(super) fn update(&mut self, entry: Entry) {
        self.entries.push(EntryWrite::Update(entry));
    }

    /// The step, with this answer.
    pub(super) fn answer(self, answer: Answer) -> Step {
        Step { row: self.row, entries: self.entries, letter: self.letter, answer }
    }

    /// The step, told where the operation is now.
    pub(super) fn answer_standing(self) -> Step {
        let standing = Finalized::standing(&self.row);
        self.answer(Answer::Moved(standing))
    }
}

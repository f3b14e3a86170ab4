use super::tables::{Row, Tables};
use crate::policies::{Move, Tally};
use crate::store::Finalized;
use crate::words::{
    DeadLetter, FinalOutcome, IllegalTransition, LogEntry, OpId, Phase, Status, Timestamp,
};

impl Row {
    /// Counts an ended attempt and keeps why it ended so.
    pub(super) fn note(&mut self, entry: &LogEntry) {
        let tally = Tally::of(&entry.end, entry.source, &self.facts());
        let started_at = entry.started_at.unwrap_or(entry.logged_at);
        self.first_called_at = tally.first_called_at(self.first_called_at, started_at);
        self.key_generation = self.key_generation.saturating_add(tally.key_generations);
        let operation = &mut self.operation;
        operation.retries = operation.retries.saturating_add(tally.retries);
        operation.lost_attempts = operation.lost_attempts.saturating_add(tally.lost_attempts);
        operation.reason = tally.reason.or(operation.reason.take());
    }

    /// What a repeated call is told.
    pub(super) fn standing(&self) -> Finalized {
        Finalized::standing(&self.operation)
    }

    /// To a person.
    pub(super) fn park(&mut self, reason: &str) {
        self.operation.phase = Some(Phase::Parked);
        self.operation.due_at = None;
        self.operation.lease_expires_at = None;
        self.operation.reason = Some(reason.to_owned());
    }

    fn wait(&mut self, phase: Phase, due_at: Timestamp) {
        self.operation.phase = Some(phase);
        self.operation.due_at = Some(due_at);
        self.operation.lease_expires_at = None;
    }

    fn finish(&mut self, outcome: FinalOutcome, now: Timestamp) -> Result<(), IllegalTransition> {
        self.operation.status = self.operation.status.transition(outcome.status())?;
        self.operation.phase = None;
        self.operation.due_at = None;
        self.operation.lease_expires_at = None;
        self.operation.reason = None;
        self.operation.finished_at = Some(now);
        self.operation.outcome = Some(outcome);
        Ok(())
    }
}

impl Tables {
    /// Carries out a move. A terminal operation does not move: the answer says where it stands.
    pub(super) fn carry_out(&mut self, op_id: OpId, next: Move, now: Timestamp) -> Finalized {
        let Some(row) = self.rows.get_mut(&op_id) else {
            return Finalized::Stale;
        };
        if row.operation.status != Status::InProgress {
            return row.standing();
        }
        match next {
            Move::Wait { not_before } => row.wait(Phase::Waiting, not_before),
            Move::Doubt { not_before } => row.wait(Phase::InDoubt, not_before),
            Move::Park => {
                let reason = row.operation.reason.take().unwrap_or_default();
                row.park(&reason);
            }
            Move::Finish(outcome) => {
                if row.finish(outcome.clone(), now).is_ok()
                    && let FinalOutcome::Failed(failure) = outcome
                {
                    let letter = DeadLetter {
                        op_id,
                        failure,
                        created_at: now,
                        redriven_as: None,
                        late_outcomes: 0,
                        divergences: 0,
                    };
                    self.dead_letters.insert(op_id, letter);
                }
            }
        }
        self.rows[&op_id].standing()
    }
}

use super::tables::{Row, Tables};
use crate::policies::KindPolicy;
use crate::store::{Acceptance, Admitted, Purpose};
use crate::words::{Fence, Identity, OpId, Operation, Status, Timestamp};

/// Stores what is new, in the order of the batch, so that a second item with an identity meets
/// the first.
pub(super) fn accept(tables: &mut Tables, batch: Vec<Acceptance>, now: Timestamp) -> Vec<Admitted> {
    batch.into_iter().map(|item| accept_one(tables, item, now)).collect()
}

fn accept_one(tables: &mut Tables, item: Acceptance, now: Timestamp) -> Admitted {
    let identity = item.command.identity(&item.owner);
    if tables.rows.contains_key(&item.op_id) {
        return Admitted::Created { op_id: item.op_id };
    }
    match tables.identities.get(&(identity.clone(), 0)) {
        Some(there) => repeated(&tables.rows[there], &item),
        None => {
            tables.insert(row(&item, identity, now));
            Admitted::Created { op_id: item.op_id }
        }
    }
}

fn repeated(there: &Row, item: &Acceptance) -> Admitted {
    let op_id = there.operation.op_id;
    if there.fingerprint == item.fingerprint {
        Admitted::Replayed { op_id }
    } else {
        Admitted::Conflict { op_id, payload: there.operation.payload.clone() }
    }
}

fn row(item: &Acceptance, identity: Identity, now: Timestamp) -> Row {
    let policy = KindPolicy::new(identity.kind());
    let payload = item.command.payload().clone();
    Row {
        operation: Operation {
            op_id: item.op_id,
            identity,
            payload,
            status: Status::Pending,
            phase: None,
            attempt: 0,
            fence: Fence::default(),
            retries: 0,
            lost_attempts: 0,
            accepted_at: now,
            deadline: now.plus(item.time_budget),
            due_at: Some(now),
            lease_expires_at: None,
            finished_at: None,
            outcome: None,
            reason: None,
            redrive_of: None,
        },
        fingerprint: item.fingerprint,
        time_budget: item.time_budget,
        redrive_number: 0,
        policy,
        first_called_at: None,
        key_generation: 0,
        reconciles: 0,
        purpose: Purpose::Attempt,
        worker: None,
        started_at: None,
        corrupt: false,
    }
}

impl Row {
    /// The same request as a new, PENDING operation.
    pub(super) fn anew(&self, op_id: OpId, redrive_number: u32, now: Timestamp) -> Self {
        let identity = &self.operation.identity;
        let item = Acceptance {
            op_id,
            owner: identity.owner.clone(),
            command: self.envelope().command,
            fingerprint: self.fingerprint,
            time_budget: self.time_budget,
        };
        let mut new = row(&item, identity.clone(), now);
        new.operation.redrive_of = Some(self.operation.op_id);
        new.redrive_number = redrive_number;
        new
    }
}

impl Tables {
    /// A new row, found by its id and its identity from now on.
    pub(super) fn insert(&mut self, row: Row) {
        let op_id = row.operation.op_id;
        self.identities.insert((row.operation.identity.clone(), row.redrive_number), op_id);
        self.rows.insert(op_id, row);
    }
}

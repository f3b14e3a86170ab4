use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::answer::Told;
use crate::machine::{Answer, Entry, EntryWrite, Fact, Request, Row, Step, step};
use crate::store::{Claim, StoreError};
use crate::words::{
    BizKey, DeadLetter, Fingerprint, Identity, Incarnation, KeyNamespace, Kind, OpId, Operation,
    Owner, Reference, Status, StoredForm, Timestamp,
};

/// All that the store keeps.
#[derive(Default)]
pub(super) struct Tables {
    /// The operations, in the order of a listing.
    pub(super) rows: BTreeMap<OpId, Stored>,
    /// Which operation has an identity. The number tells redriven ones apart; the first is 0.
    pub(super) identities: HashMap<(Identity, u32), OpId>,
    /// The operations for an entity.
    pub(super) entities: HashMap<Entity, BTreeSet<OpId>>,
    /// The forms in which the identities of kinds are made.
    pub(super) forms: HashMap<Kind, StoredForm>,
    /// The write-ahead log, oldest first within an operation.
    pub(super) log: BTreeMap<OpId, Vec<Entry>>,
    /// The dead letters.
    pub(super) dead_letters: BTreeMap<OpId, DeadLetter>,
    /// The namespaces of provider keys, the newest last; made when one is asked for.
    pub(super) key_namespaces: Vec<KeyNamespace>,
    /// The incarnations, the newest last; the first is made when one is asked for.
    pub(super) incarnations: Vec<Incarnation>,
    /// Which operation a reference is about.
    pub(super) references: HashMap<Reference, OpId>,
    /// What providers have told, in the order in which it came.
    pub(super) told: BTreeMap<u64, Told>,
    /// True if the database is another one than its newest incarnation remembers, for tests.
    pub(super) is_another: bool,
}

/// What an operation acts on: an identity without the client's key.
pub(super) type Entity = (Owner, Kind, BizKey);

/// An operation: what was asked for, and its row.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) request: Request,
    pub(super) fingerprint: Fingerprint,
    pub(super) row: Row,
    /// True if the row acts as one that cannot be decoded.
    pub(super) corrupt: bool,
    /// True if its log acts as one that cannot be decoded.
    pub(super) corrupt_log: bool,
    /// True if it is to be the only one for its entity that has not FAILED.
    pub(super) unique: bool,
}

/// What is wrong with a corrupt row.
pub(super) const CORRUPT: &str = "the row cannot be decoded";

/// What is wrong with a corrupt log.
pub(super) const CORRUPT_LOG: &str = "a log entry cannot be decoded";

impl Tables {
    /// A new operation, found by its id and its identity from now on.
    pub(super) fn insert(&mut self, stored: Stored) {
        let op_id = stored.row.op_id;
        let identity = stored.request.identity.clone();
        self.entities.entry(entity(&identity)).or_default().insert(op_id);
        self.identities.insert((identity, stored.request.redrive), op_id);
        self.rows.insert(op_id, stored);
    }

    /// The operations for the same entity that have not FAILED, the oldest first.
    pub(super) fn not_failed(&self, identity: &Identity) -> impl Iterator<Item = OpId> {
        let op_ids = self.entities.get(&entity(identity)).into_iter().flatten().copied();
        op_ids.filter(|op_id| self.rows[op_id].row.status != Status::Failed)
    }

    /// The operation, if it is this owner's.
    pub(super) fn owned(&self, owner: &Owner, op_id: OpId) -> Option<&Stored> {
        self.rows.get(&op_id).filter(|stored| stored.request.identity.owner == *owner)
    }

    /// What the log holds under a claim, late entries left out.
    fn logged(&self, claim: Claim) -> Option<&Entry> {
        let log = self.log.get(&claim.op_id)?;
        log.iter().find(|entry| entry.log.fence == claim.fence && !entry.log.late)
    }

    /// What a fact about a claim means, in view of what is logged under it; `None` if there is no
    /// such operation.
    pub(super) fn step<'a>(
        &'a self,
        claim: Claim,
        fact: impl FnOnce(Option<&'a Entry>) -> Fact<'a>,
        now: Timestamp,
    ) -> Option<Step> {
        let stored = self.rows.get(&claim.op_id)?;
        Some(step(&stored.row, fact(self.logged(claim)), now))
    }

    /// Carries out what a fact means for an operation.
    pub(super) fn apply(&mut self, op_id: OpId, fact: Fact<'_>, now: Timestamp) -> Answer {
        let step = self.rows.get(&op_id).map(|stored| step(&stored.row, fact, now));
        self.save(step, now)
    }

    /// Carries out a step. [`Answer::Stale`] if there is no such operation.
    pub(super) fn save(&mut self, step: Option<Step>, now: Timestamp) -> Answer {
        let Some(step) = step else { return Answer::Stale };
        let op_id = step.row.op_id;
        for write in step.entries {
            self.write(op_id, write);
        }
        if let Some(failure) = step.letter {
            self.dead_letters.insert(op_id, DeadLetter::new(op_id, failure, now));
        }
        if let Some(stored) = self.rows.get_mut(&op_id) {
            stored.row = step.row;
        }
        step.answer
    }

    fn write(&mut self, op_id: OpId, write: EntryWrite) {
        let log = self.log.entry(op_id).or_default();
        let place = |new: &Entry| {
            let key = |entry: &Entry| (entry.log.fence, entry.log.late);
            log.iter().position(|entry| key(entry) == key(new))
        };
        match write {
            EntryWrite::Append(new) if place(&new).is_none() => {
                if new.log.late
                    && let Some(letter) = self.dead_letters.get_mut(&op_id)
                {
                    letter.late_outcomes = letter.late_outcomes.saturating_add(1);
                }
                log.push(new);
            }
            EntryWrite::Append(_) => {}
            EntryWrite::Update(new) => {
                if let Some(place) = place(&new) {
                    log[place] = new;
                }
            }
        }
    }
}

pub(super) fn entity(identity: &Identity) -> Entity {
    (identity.owner.clone(), identity.kind(), identity.biz_key.clone())
}

impl Stored {
    /// The operation as readers see it, unless the row is corrupt.
    pub(super) fn decode(&self) -> Result<Operation, StoreError> {
        if self.corrupt {
            let op_id = self.row.op_id;
            return Err(StoreError::Corrupt { op_id, reason: CORRUPT.to_owned() });
        }
        Ok(self.row.operation(self.request.clone()))
    }
}

//! The rows that a batch of writes is about: loaded once, changed by the steps of the machine,
//! saved once.
//!
//! Everything here runs inside the writer's transaction, which took the write lock at BEGIN: so
//! no one changes a row between its load and its save. The save has its guard all the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};

use orch_core::machine::{Answer, Entry, EntryWrite, Fact, Request, Row, Step, step};
use orch_core::store::columns::{self, Columns};
use orch_core::store::{Claim, StoreError};
use orch_core::words::{Failure, Fence, Kind, OpId, Status, Timestamp};
use sqlx::sqlite::SqliteConnection;

use crate::row::{Found, corrupt, spell_entry, spell_letter, spell_row, spell_update};
use crate::sql::{Db, Rows, Values, execute, fetch};

static LOAD: Rows = Rows::new(include_str!("../queries/load.sql"));
static SAVE: Rows = Rows::new(include_str!("../queries/save.sql"));
static APPEND: Rows = Rows::new(include_str!("../queries/append.sql"));
static UPDATE: Rows = Rows::new(include_str!("../queries/update.sql"));
static BURY: Rows = Rows::new(include_str!("../queries/bury.sql"));
const LATE: &str = include_str!("../queries/late.sql");
const PARK: &str = include_str!("../queries/park.sql");
const PARK_LOGGED: &str = include_str!("../queries/park_logged.sql");
const REQUEST: &str = include_str!("../queries/request.sql");

/// Loaded rows and what is to be written. In the order of op ids, as every backend locks them.
/// What is loaded is as the steps so far have left it.
pub(crate) struct Batch<'c> {
    pub(crate) connection: &'c mut SqliteConnection,
    pub(crate) now: Timestamp,
    rows: BTreeMap<OpId, Result<Loaded, String>>,
    /// Of the rows that cannot be decoded, as far as these can be.
    kinds: BTreeMap<OpId, Kind>,
    entries: HashMap<Claim, Result<Entry, String>>,
    /// In the order of writing, which is the order of the history.
    appended: Vec<Claim>,
    updated: BTreeSet<(OpId, Fence)>,
    letters: Vec<(OpId, Failure)>,
    late: Vec<Late>,
}

struct Loaded {
    row: Row,
    /// Fence and status as they were read.
    guard: (Fence, Status),
    changed: bool,
}

/// An answer that came too late.
struct Late {
    op_id: OpId,
    entry: Entry,
    /// True if there is a dead letter on which it counts.
    failed: bool,
}

impl<'c> Batch<'c> {
    pub(crate) fn new(db: &'c mut Db<'_>) -> Self {
        Self {
            connection: &mut *db.connection,
            now: db.now,
            rows: BTreeMap::new(),
            kinds: BTreeMap::new(),
            entries: HashMap::new(),
            appended: Vec::new(),
            updated: BTreeSet::new(),
            letters: Vec::new(),
            late: Vec::new(),
        }
    }

    /// The rows of these claims, and what is logged under them.
    pub(crate) async fn of_claims(
        db: &'c mut Db<'_>,
        claims: impl Iterator<Item = Claim>,
    ) -> Result<Self, StoreError> {
        let wanted = claims.map(|claim| (claim.op_id, Some(claim.fence)));
        Self::load(db, wanted.collect()).await
    }

    /// The rows of these operations, without their logs.
    pub(crate) async fn of_operations(
        db: &'c mut Db<'_>,
        op_ids: impl Iterator<Item = OpId>,
    ) -> Result<Self, StoreError> {
        Self::load(db, op_ids.map(|op_id| (op_id, None)).collect()).await
    }

    async fn load(
        db: &'c mut Db<'_>,
        wanted: BTreeSet<(OpId, Option<Fence>)>,
    ) -> Result<Self, StoreError> {
        let wanted: Vec<_> = wanted.into_iter().collect();
        let spell = |values: Values, (op_id, fence): &(OpId, Option<Fence>)| {
            values.id(*op_id).add(fence.map(Fence::get))
        };
        let found = LOAD.fetch(db.connection, &wanted, spell).await?;
        let mut batch = Self::new(db);
        for found in &found {
            let op_id = found.op_id()?;
            if let btree_map::Entry::Vacant(place) = batch.rows.entry(op_id) {
                let row = place.insert(columns::row(found).map(Loaded::new));
                if let (Err(_), Ok(kind)) = (row, columns::kind(found)) {
                    batch.kinds.insert(op_id, kind);
                }
            }
            batch.keep_entry(op_id, found)?;
        }
        Ok(batch)
    }

    fn keep_entry(&mut self, op_id: OpId, found: &Found) -> Result<(), StoreError> {
        let fence = found.number("entry_fence").map_err(StoreError::fatal)?;
        if let (Some(fence), Some(entry)) = (fence, columns::entry(found).transpose()) {
            self.entries.insert(Claim { op_id, fence: Fence::new(fence) }, entry);
        }
        Ok(())
    }

    /// Takes in a row that another query has read.
    pub(crate) fn insert(&mut self, row: Row) {
        self.rows.entry(row.op_id).or_insert_with(|| Ok(Loaded::new(row)));
    }

    /// The operations loaded, in order.
    pub(crate) fn op_ids(&self) -> Vec<OpId> {
        self.rows.keys().copied().collect()
    }

    /// The row; `None` if there is no such operation.
    pub(crate) fn row(&self, op_id: OpId) -> Result<Option<&Row>, StoreError> {
        let loaded = self.rows.get(&op_id).map(Result::as_ref).transpose();
        loaded.map(|loaded| loaded.map(|loaded| &loaded.row)).map_err(|e| corrupt(op_id, e))
    }

    /// What an operation is, also where the rest of its row cannot be decoded.
    pub(crate) fn kind(&self, op_id: OpId) -> Option<Kind> {
        let row = self.rows.get(&op_id).and_then(|loaded| loaded.as_ref().ok());
        let kind = row.map(|loaded| &loaded.row.policy.kind);
        kind.or_else(|| self.kinds.get(&op_id)).cloned()
    }

    /// What is logged under a claim, late answers left out.
    pub(crate) fn logged(&self, claim: Claim) -> Result<Option<&Entry>, StoreError> {
        let entry = self.entries.get(&claim).map(Result::as_ref).transpose();
        entry.map_err(|reason| corrupt(claim.op_id, reason))
    }

    /// What a fact about a claim means, in view of what is logged under it; `None` if there is no
    /// such operation.
    pub(crate) fn step<'a>(
        &'a self,
        claim: Claim,
        fact: impl FnOnce(Option<&'a Entry>) -> Fact<'a>,
    ) -> Result<Option<Step>, StoreError> {
        let Some(row) = self.row(claim.op_id)? else { return Ok(None) };
        Ok(Some(step(row, fact(self.logged(claim)?), self.now)))
    }

    /// Carries out what a fact means for an operation.
    pub(crate) fn apply(&mut self, op_id: OpId, fact: Fact<'_>) -> Result<Answer, StoreError> {
        let step = self.row(op_id)?.map(|row| step(row, fact, self.now));
        Ok(self.save(step))
    }

    /// Carries out a step: [`Batch::flush`] writes it. [`Answer::Stale`] if there is no such
    /// operation.
    pub(crate) fn save(&mut self, step: Option<Step>) -> Answer {
        let Some(Step { row, entries, letter, answer }) = step else { return Answer::Stale };
        for write in entries {
            self.write(&row, write);
        }
        self.letters.extend(letter.map(|failure| (row.op_id, failure)));
        if let Some(Ok(loaded)) = self.rows.get_mut(&row.op_id) {
            loaded.changed |= loaded.row != row;
            loaded.row = row;
        }
        answer
    }

    fn write(&mut self, row: &Row, write: EntryWrite) {
        let op_id = row.op_id;
        match write {
            EntryWrite::Append(entry) if entry.log.late => {
                self.late.push(Late { op_id, entry, failed: row.status == Status::Failed });
            }
            EntryWrite::Append(entry) => {
                let claim = Claim { op_id, fence: entry.log.fence };
                self.entries.insert(claim, Ok(entry));
                self.appended.push(claim);
            }
            EntryWrite::Update(entry) => {
                let fence = entry.log.fence;
                self.entries.insert(Claim { op_id, fence }, Ok(entry));
                self.updated.insert((op_id, fence));
            }
        }
    }

    /// What was asked for. The rows are loaded without it, since the body may be large.
    pub(crate) async fn request(&mut self, op_id: OpId) -> Result<Request, StoreError> {
        let found = fetch(self.connection, REQUEST, Values::default().id(op_id)).await?;
        let found = found.first().ok_or_else(|| StoreError::fatal("the row is gone"))?;
        columns::request(found).map_err(|reason| corrupt(op_id, &reason))
    }

    /// Parks an operation whose row, or whose logged end, cannot be decoded. Under a fence: only
    /// if that is the latest one, and its entry has done its part then, so that it does not come
    /// up again. False if it is left as it is.
    pub(crate) async fn park(
        &mut self,
        op_id: OpId,
        fence: Option<Fence>,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let values = Values::default().id(op_id).add(fence.map(Fence::get)).add(reason);
        let parked = execute(self.connection, PARK, values).await? > 0;
        if let Some(fence) = fence.filter(|_| parked) {
            let values = Values::default().id(op_id).add(fence.get());
            execute(self.connection, PARK_LOGGED, values).await?;
        }
        Ok(parked)
    }

    /// Writes everything.
    pub(crate) async fn flush(self) -> Result<(), StoreError> {
        let Self { connection, now, rows, entries, appended, updated, letters, late, .. } = self;
        let entry = |claim: Claim| Some((claim.op_id, entries.get(&claim)?.as_ref().ok()?));
        let spell =
            |values: Values, (op_id, entry): &(OpId, &Entry)| spell_entry(values, *op_id, entry);
        let appended: Vec<_> = appended.into_iter().filter_map(entry).collect();
        APPEND.execute(connection, &appended, spell).await?;

        let changed = rows.values().filter_map(|loaded| loaded.as_ref().ok());
        let changed: Vec<_> = changed.filter(|loaded| loaded.changed).collect();
        let saved = SAVE
            .execute(connection, &changed, |values, of| spell_row(values, &of.row, of.guard))
            .await?;
        if saved != changed.len() {
            return Err(StoreError::fatal("a row changed under the write lock"));
        }

        let updated = updated.into_iter().map(|(op_id, fence)| Claim { op_id, fence });
        let updated: Vec<_> = updated.filter_map(entry).collect();
        UPDATE
            .execute(connection, &updated, |values, (op_id, entry)| {
                spell_update(values, *op_id, entry)
            })
            .await?;
        BURY.execute(connection, &letters, |values, (op_id, failure)| {
            spell_letter(values, *op_id, failure, now)
        })
        .await?;
        // One by one: they are rare, and each counts only if it is new.
        for Late { op_id, entry, failed } in &late {
            if APPEND.execute(connection, &[(*op_id, entry)], spell).await? > 0 && *failed {
                execute(connection, LATE, Values::default().id(*op_id)).await?;
            }
        }
        Ok(())
    }
}

impl Loaded {
    fn new(row: Row) -> Self {
        Self { guard: (row.fence, row.status), row, changed: false }
    }
}

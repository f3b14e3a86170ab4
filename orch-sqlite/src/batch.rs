//! The rows that a batch of writes moves: loaded once, changed in memory, saved once.
//!
//! Everything here runs inside the writer's transaction, which took the write lock at BEGIN: so
//! nobody changes a row between its load and its save. The guard stands in the save all the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use orch_core::store::{Claim, Finalized, StoreError};
use orch_core::words::{
    Envelope, Failure, Fence, FinalOutcome, LogEntry, LogStatus, OpId, Timestamp,
};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::connect::store_error;
use crate::entry::Entry;
use crate::row::{self, Row, corrupt, failure_json};
use crate::sql::{ROWS, Rows, Values};

static LOAD: Rows = Rows::new(include_str!("../queries/load.sql"));
static SAVE: Rows = Rows::new(include_str!("../queries/save.sql"));
static APPEND: Rows = Rows::new(include_str!("../queries/append.sql"));
static COMPLETE: Rows = Rows::new(include_str!("../queries/complete.sql"));
static BURY: Rows = Rows::new(include_str!("../queries/bury.sql"));
const LATE: &str = include_str!("../queries/late.sql");
const PARK: &str = include_str!("../queries/park.sql");
const ENVELOPE: &str = include_str!("../queries/envelope.sql");
const POSTPONE: &str = include_str!("../queries/postpone.sql");

/// Loaded rows and what is to be written. In the order of op ids, as every backend locks them.
pub(crate) struct Batch<'c> {
    pub(crate) connection: &'c mut SqliteConnection,
    pub(crate) now: Timestamp,
    rows: BTreeMap<OpId, Result<Row, String>>,
    entries: HashMap<Claim, Result<Entry, String>>,
    moved: BTreeSet<OpId>,
    appended: Vec<Entry>,
    completed: Vec<Claim>,
    buried: Vec<(OpId, Failure)>,
    late: Vec<Entry>,
}

impl<'c> Batch<'c> {
    pub(crate) fn new(connection: &'c mut SqliteConnection, now: Timestamp) -> Self {
        Self {
            connection,
            now,
            rows: BTreeMap::new(),
            entries: HashMap::new(),
            moved: BTreeSet::new(),
            appended: Vec::new(),
            completed: Vec::new(),
            buried: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Reads the rows of these claims and what is logged under them.
    pub(crate) async fn load(
        &mut self,
        claims: impl IntoIterator<Item = (OpId, Option<Fence>)>,
    ) -> Result<(), StoreError> {
        let wanted: BTreeSet<(OpId, Option<Fence>)> = claims.into_iter().collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        for chunk in wanted.chunks(ROWS) {
            let mut values = Values::default();
            for (op_id, fence) in chunk {
                values.add(op_id.as_bytes().as_slice()).add(fence.map(Fence::get));
            }
            let rows = self.fetch(&LOAD, chunk.len(), values).await?;
            rows.iter().try_for_each(|row| self.keep(row))?;
        }
        Ok(())
    }

    fn keep(&mut self, row: &SqliteRow) -> Result<(), StoreError> {
        let op_id = row::op_id(row, "op_id").map_err(StoreError::fatal)?;
        self.rows.entry(op_id).or_insert_with(|| Row::decode(row));
        let fence: Option<i64> = row.try_get("entry_fence").map_err(store_error)?;
        if let (Some(fence), Some(entry)) = (fence, Entry::decode(row).transpose()) {
            self.entries.insert(Claim { op_id, fence: Fence::new(fence) }, entry);
        }
        Ok(())
    }

    /// Takes in a row that a query of its own has read.
    pub(crate) fn insert(&mut self, row: Row) {
        self.moved.insert(row.op_id);
        self.rows.insert(row.op_id, Ok(row));
    }

    /// The row; `None` if there is no such operation.
    pub(crate) fn row(&self, op_id: OpId) -> Result<Option<&Row>, StoreError> {
        match self.rows.get(&op_id) {
            None => Ok(None),
            Some(Ok(row)) => Ok(Some(row)),
            Some(Err(reason)) => Err(corrupt(op_id, reason)),
        }
    }

    /// The row, to be changed: it is saved by [`Batch::flush`].
    pub(crate) fn change(&mut self, op_id: OpId) -> Result<&mut Row, StoreError> {
        match self.rows.get_mut(&op_id) {
            Some(Ok(row)) => {
                self.moved.insert(op_id);
                Ok(row)
            }
            Some(Err(reason)) => Err(corrupt(op_id, reason)),
            None => Err(StoreError::fatal("a row is to be changed that was not loaded")),
        }
    }

    /// What is logged under a claim, late answers left out.
    pub(crate) fn entry(&self, claim: Claim) -> Result<Option<&Entry>, StoreError> {
        match self.entries.get(&claim) {
            None => Ok(None),
            Some(Ok(entry)) => Ok(Some(entry)),
            Some(Err(reason)) => Err(corrupt(claim.op_id, reason)),
        }
    }

    /// What a finalize hook is told about its operation. The rows are loaded without it, since
    /// nobody else needs the body.
    pub(crate) async fn envelope(&mut self, op_id: OpId) -> Result<Envelope, StoreError> {
        let found = sqlx::query(ENVELOPE)
            .bind(op_id.as_bytes().as_slice())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(store_error)?;
        let row = self.row(op_id)?.ok_or_else(|| StoreError::fatal("the row is gone"))?;
        row.envelope(&found).map_err(|reason| corrupt(op_id, &reason))
    }

    /// Appends an entry to the log.
    pub(crate) fn append(&mut self, entry: Entry) {
        let claim = Claim { op_id: entry.op_id, fence: entry.log.fence };
        self.entries.insert(claim, Ok(entry.clone()));
        self.appended.push(entry);
    }

    /// Keeps an answer that came too late.
    pub(crate) fn append_late(&mut self, mut entry: Entry) {
        entry.log = LogEntry { late: true, status: LogStatus::Completed, ..entry.log };
        self.late.push(entry);
    }

    /// Marks the entry of a claim as finalized.
    pub(crate) fn complete(&mut self, claim: Claim) {
        if let Some(Ok(entry)) = self.entries.get_mut(&claim) {
            entry.log.status = LogStatus::Completed;
        }
        match self
            .appended
            .iter_mut()
            .find(|e| e.op_id == claim.op_id && e.log.fence == claim.fence)
        {
            Some(entry) => entry.log.status = LogStatus::Completed,
            None => self.completed.push(claim),
        }
    }

    /// Writes the dead letter of a failure.
    pub(crate) fn bury_if_failed(&mut self, op_id: OpId, finalized: &Finalized) {
        if let Finalized::Finished(FinalOutcome::Failed(failure)) = finalized {
            self.buried.push((op_id, failure.clone()));
        }
    }

    /// Saves the rows changed so far; they may be changed and saved again.
    pub(crate) async fn save(&mut self) -> Result<(), StoreError> {
        let moved: Vec<OpId> = std::mem::take(&mut self.moved).into_iter().collect();
        for chunk in moved.chunks(ROWS) {
            let mut values = Values::default();
            for op_id in chunk {
                if let Some(Ok(row)) = self.rows.get_mut(op_id) {
                    row.encode(&mut values);
                    row.written();
                }
            }
            let saved = self.execute(&SAVE, chunk.len(), values).await?;
            if saved != chunk.len() as u64 {
                return Err(StoreError::fatal("a row changed under the write lock"));
            }
        }
        Ok(())
    }

    /// Writes everything.
    pub(crate) async fn flush(mut self) -> Result<(), StoreError> {
        let appended = std::mem::take(&mut self.appended);
        for chunk in appended.chunks(ROWS) {
            let mut values = Values::default();
            chunk.iter().for_each(|entry| entry.encode(&mut values));
            self.execute(&APPEND, chunk.len(), values).await?;
        }
        self.save().await?;
        let completed = std::mem::take(&mut self.completed);
        for chunk in completed.chunks(ROWS) {
            let mut values = Values::default();
            for claim in chunk {
                values.add(claim.op_id.as_bytes().as_slice()).add(claim.fence.get());
            }
            self.execute(&COMPLETE, chunk.len(), values).await?;
        }
        let buried = std::mem::take(&mut self.buried);
        for chunk in buried.chunks(ROWS) {
            let mut values = Values::default();
            for (op_id, failure) in chunk {
                let failure = failure_json(failure);
                values.add(op_id.as_bytes().as_slice()).add(failure).add(self.now.as_micros());
            }
            self.execute(&BURY, chunk.len(), values).await?;
        }
        self.flush_late().await
    }

    /// One by one: rare, and each is counted on its dead letter only if it is new.
    async fn flush_late(&mut self) -> Result<(), StoreError> {
        for entry in std::mem::take(&mut self.late) {
            let mut values = Values::default();
            entry.encode(&mut values);
            if self.execute(&APPEND, 1, values).await? > 0 {
                sqlx::query(LATE)
                    .bind(entry.op_id.as_bytes().as_slice())
                    .execute(&mut *self.connection)
                    .await
                    .map_err(store_error)?;
            }
        }
        Ok(())
    }

    /// Parks a row that cannot be decoded.
    pub(crate) async fn park(&mut self, op_id: OpId, reason: &str) -> Result<(), StoreError> {
        self.park_under(op_id, None, reason).await.map(drop)
    }

    /// Parks an operation whose logged end cannot be decoded, if its claim stands; true then.
    /// The entry has done its part, so that it does not come up again.
    pub(crate) async fn park_logged(
        &mut self,
        claim: Claim,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let parked = self.park_under(claim.op_id, Some(claim.fence), reason).await?;
        if parked {
            self.completed.push(claim);
        }
        Ok(parked)
    }

    async fn park_under(
        &mut self,
        op_id: OpId,
        fence: Option<Fence>,
        reason: &str,
    ) -> Result<bool, StoreError> {
        sqlx::query(PARK)
            .bind(op_id.as_bytes().as_slice())
            .bind(reason)
            .bind(fence.map(Fence::get))
            .execute(&mut *self.connection)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(store_error)
    }

    /// Keeps why a hook failed, and sets the time of its next try.
    pub(crate) async fn postpone(
        &mut self,
        claim: Claim,
        to: Timestamp,
        reason: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(POSTPONE)
            .bind(claim.op_id.as_bytes().as_slice())
            .bind(claim.fence.get())
            .bind(to.as_micros())
            .bind(reason)
            .execute(&mut *self.connection)
            .await
            .map(drop)
            .map_err(store_error)
    }

    async fn fetch(
        &mut self,
        query: &Rows,
        rows: usize,
        values: Values,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let arguments = values.done().map_err(store_error)?;
        sqlx::query_with(query.sized(rows), arguments)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(store_error)
    }

    async fn execute(
        &mut self,
        query: &Rows,
        rows: usize,
        values: Values,
    ) -> Result<u64, StoreError> {
        let arguments = values.done().map_err(store_error)?;
        sqlx::query_with(query.sized(rows), arguments)
            .execute(&mut *self.connection)
            .await
            .map(|done| done.rows_affected())
            .map_err(store_error)
    }

    /// The operations loaded, in order.
    pub(crate) fn op_ids(&self) -> Vec<OpId> {
        self.rows.keys().copied().collect()
    }
}

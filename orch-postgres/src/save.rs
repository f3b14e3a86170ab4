use std::collections::HashSet;

use orch_core::machine::{Entry, EntryWrite, Row, Step};
use orch_core::store::StoreError;
use orch_core::store::codec::{EncodedEnd, as_millis, failure_json};
use orch_core::words::{OpId, Payload, Phase, WorkerId, storable};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::types::Uuid;

use crate::column::{op_id, to_int, to_seconds, to_uuid};
use crate::db::Db;
use crate::pool::{arguments, each};
use crate::time::At;

pub(crate) const SAVE: &str = include_str!("../queries/save.sql");

/// What a fact means for a row as it was read.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) before: Row,
    pub(crate) step: Step,
}

impl Decided {
    /// True if the row has to be as it was read for this to be saved. Otherwise there is nothing
    /// to save, or only a late answer to keep.
    pub(crate) fn depends_on_row(&self) -> bool {
        let late = |write: &EntryWrite| entry_of(write).1.log.late;
        self.step.row != self.before || !self.step.entries.iter().all(late)
    }
}

/// Saves what was decided; returns the operations whose rows were still as they had been read.
pub(crate) async fn save(db: &Db, decided: &[Decided]) -> Result<HashSet<OpId>, StoreError> {
    if decided.iter().all(|one| !one.depends_on_row() && one.step.entries.is_empty()) {
        return Ok(HashSet::new());
    }
    saved(&db.fetch(SAVE, encode(decided)).await?)
}

/// The operations that save.sql has saved.
pub(crate) fn saved(rows: &[PgRow]) -> Result<HashSet<OpId>, StoreError> {
    let ids: Result<HashSet<OpId>, String> = rows.iter().map(|row| op_id(row, "op_id")).collect();
    ids.map_err(StoreError::fatal)
}

/// The parameters of save.sql.
pub(crate) fn encode(decided: &[Decided]) -> Result<PgArguments, StoreError> {
    let rows: Vec<&Decided> = decided.iter().filter(|one| one.depends_on_row()).collect();
    let old: Vec<&Row> = rows.iter().map(|one| &one.before).collect();
    let new: Vec<&Row> = rows.iter().map(|one| &one.step.row).collect();
    let entries: Vec<Line<'_>> = decided.iter().flat_map(Line::of).collect();
    arguments![
        each(&old, |row| to_uuid(row.op_id)),
        each(&old, |row| row.fence.get()),
        each(&old, |row| row.phase.map(Phase::as_str)),
        each(&old, |row| row.lease_expires_at.map(At)),
        each(&old, |row| row.due_at.map(At)),
        each(&new, |row| row.status.as_str()),
        each(&new, |row| row.phase.map(Phase::as_str)),
        each(&new, |row| to_int(row.attempt)),
        each(&new, |row| row.fence.get()),
        each(&new, |row| to_int(row.retries)),
        each(&new, |row| to_int(row.lost_attempts)),
        each(&new, |row| to_int(row.reconciles)),
        each(&new, |row| to_int(row.key_generation)),
        each(&new, |row| At(row.deadline)),
        each(&new, |row| row.due_at.map(At)),
        each(&new, |row| row.lease_expires_at.map(At)),
        each(&new, |row| row.worker.as_ref().map(WorkerId::as_str)),
        each(&new, |row| row.started_at.map(At)),
        each(&new, |row| row.first_called_at.map(At)),
        each(&new, |row| row.policy.hooked),
        each(&new, |row| row.reason.as_deref().map(storable)),
        each(&new, |row| row.finished_at.map(At)),
        each(&rows, |one| one.step.letter.as_ref().map(failure_json)),
        each(&new, |row| row.policy.in_doubt.as_str()),
        each(&new, |row| to_int(row.incarnation)),
        each(&new, |row| row.unhandled_since.map(At)),
        each(&new, |row| row.expires_at.map(At)),
        each(&new, |row| to_seconds(row.policy.retention.completed())),
        each(&new, |row| to_seconds(row.policy.retention.failed())),
        each(&new, |row| to_int(row.uncounted)),
        each(&new, |row| row.already_done),
        each(&entries, |line| line.op_id),
        each(&entries, |line| line.append),
        each(&entries, |line| line.entry.log.fence.get()),
        each(&entries, |line| line.entry.log.late),
        each(&entries, |line| to_int(line.entry.log.attempt)),
        each(&entries, |line| line.entry.log.worker.as_ref().map(WorkerId::as_str)),
        each(&entries, |line| line.entry.log.source.as_str()),
        each(&entries, |line| line.entry.log.started_at.map(At)),
        each(&entries, |line| At(line.entry.log.logged_at)),
        each(&entries, |line| line.end.outcome),
        each(&entries, |line| line.end.detail.as_deref()),
        each(&entries, |line| line.end.output.as_ref().map(Payload::as_bytes)),
        each(&entries, |line| line.end.after_ms),
        each(&entries, |line| Some(as_millis(line.entry.delay)).filter(|ms| *ms > 0)),
        each(&entries, |line| line.entry.log.status.as_str()),
        each(&entries, |line| line.entry.due_at.map(At)),
        each(&entries, |line| Some(to_int(line.entry.hook_failures)).filter(|count| *count > 0)),
        each(&entries, |line| line.entry.log.note.as_deref()),
        each(&entries, |line| line.entry.log.hook_error.as_deref()),
        each(&entries, |line| line.end.unreadable.as_ref().map(Payload::as_bytes)),
        each(&new, |row| row.submitted),
    ]
}

/// A change of the log, as save.sql takes it.
struct Line<'a> {
    op_id: Uuid,
    append: bool,
    entry: &'a Entry,
    end: EncodedEnd,
}

impl<'a> Line<'a> {
    fn of(decided: &'a Decided) -> impl Iterator<Item = Self> {
        let op_id = to_uuid(decided.before.op_id);
        decided.step.entries.iter().map(move |write| {
            let (append, entry) = entry_of(write);
            Self { op_id, append, entry, end: EncodedEnd::of(&entry.log.end) }
        })
    }
}

/// The entry, and whether it is appended.
const fn entry_of(write: &EntryWrite) -> (bool, &Entry) {
    match write {
        EntryWrite::Append(entry) => (true, entry),
        EntryWrite::Update(entry) => (false, entry),
    }
}

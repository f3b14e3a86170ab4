//! What only tests of stores do with this one.

use std::sync::Arc;

use super::MemoryStore;
use super::tables::{Stored, Tables};
use crate::machine::{Entry, Request, Row};
use crate::store::{Clock, lock};
use crate::words::{DeadLetter, Fingerprint, OpId};

impl MemoryStore {
    /// Another handle on the same tables that reads another clock, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn reopened_with(&self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self.clone() }
    }

    /// Makes a row such that it cannot be decoded, for tests.
    #[doc(hidden)]
    pub fn corrupt(&self, op_id: OpId) {
        if let Some(row) = lock(&self.tables).rows.get_mut(&op_id) {
            row.corrupt = true;
        }
    }

    /// Makes the log of an operation such that it cannot be decoded, for tests.
    #[doc(hidden)]
    pub fn corrupt_log(&self, op_id: OpId) {
        if let Some(row) = lock(&self.tables).rows.get_mut(&op_id) {
            row.corrupt_log = true;
        }
    }

    /// Sets how often the finalize hook of a logged end has failed, for tests.
    #[doc(hidden)]
    pub fn hook_has_failed(&self, op_id: OpId, times: u32) {
        let mut tables = lock(&self.tables);
        let last = tables.log.get_mut(&op_id).and_then(|log| log.last_mut());
        if let Some(entry) = last {
            entry.hook_failures = times;
        }
    }

    /// Makes a finished operation one of a release that did not say when it expires, for tests.
    #[doc(hidden)]
    pub fn undate(&self, op_id: OpId) {
        if let Some(stored) = lock(&self.tables).rows.get_mut(&op_id) {
            stored.row.expires_at = None;
        }
    }

    /// Makes the tables another database than they were, as a fail-over does, for tests.
    #[doc(hidden)]
    pub fn becomes_another(&self) {
        let mut tables = lock(&self.tables);
        tables.newest(self.clock.now());
        tables.is_another = true;
    }

    /// Keeps these operations in place of all others, for tests.
    #[doc(hidden)]
    pub fn keep(
        &self,
        all: impl IntoIterator<Item = (Request, Row, Vec<Entry>, Option<DeadLetter>)>,
    ) {
        let mut tables = lock(&self.tables);
        let incarnations = std::mem::take(&mut tables.incarnations);
        *tables = Tables { incarnations, ..Tables::default() };
        for (request, row, log, letter) in all {
            let op_id = row.op_id;
            let fingerprint = Fingerprint::of(&request.payload);
            tables.log.insert(op_id, log);
            tables.dead_letters.extend(letter.map(|letter| (op_id, letter)));
            let (corrupt, corrupt_log, unique) = (false, false, false);
            tables.insert(Stored { request, fingerprint, row, corrupt, corrupt_log, unique });
        }
    }

    /// All that is kept of an operation, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn kept(&self, op_id: OpId) -> Option<(Request, Row, Vec<Entry>, Option<DeadLetter>)> {
        let tables = lock(&self.tables);
        let Stored { request, row, .. } = tables.rows.get(&op_id)?.clone();
        let log = tables.log.get(&op_id).cloned().unwrap_or_default();
        Some((request, row, log, tables.dead_letters.get(&op_id).cloned()))
    }
}

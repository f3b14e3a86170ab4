use super::answer;
use super::tables::{Tables, entity};
use crate::store::Purged;
use crate::words::{OpId, Timestamp};

/// Removes terminal operations that have expired, the longest expired first. One that was
/// redriven holds the key for the new one, and stays as long as that is there.
pub(super) fn purge(tables: &mut Tables, limit: usize, now: Timestamp) -> Purged {
    let mut past: Vec<_> = tables
        .rows
        .values()
        .map(|stored| &stored.row)
        .filter(|row| !is_redriven(tables, row.op_id))
        .filter_map(|row| Some((row.kept_until().filter(|until| *until <= now)?, row.op_id)))
        .collect();
    past.sort_unstable();
    past.truncate(limit);
    for (_, op_id) in &past {
        tables.remove(*op_id);
    }
    answer::purge(tables, now);
    Purged { operations: past.len(), refused: Vec::new() }
}

/// True if the operation that runs this one again exists.
fn is_redriven(tables: &Tables, op_id: OpId) -> bool {
    let redriven_as = tables.dead_letters.get(&op_id).and_then(|letter| letter.redriven_as);
    redriven_as.is_some_and(|op_id| tables.rows.contains_key(&op_id))
}

impl Tables {
    fn remove(&mut self, op_id: OpId) {
        if let Some(stored) = self.rows.remove(&op_id) {
            let entity = entity(&stored.request.identity);
            if let Some(op_ids) = self.entities.get_mut(&entity) {
                op_ids.remove(&op_id);
                if op_ids.is_empty() {
                    self.entities.remove(&entity);
                }
            }
            self.identities.remove(&(stored.request.identity, stored.request.redrive));
        }
        self.log.remove(&op_id);
        self.dead_letters.remove(&op_id);
    }
}

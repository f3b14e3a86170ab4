use super::tables::Tables;
use crate::store::{ConfirmParams, Confirmed};
use crate::words::{Confirmation, Incarnation, KeyNamespace, Timestamp};

/// The newest incarnation, a new one if the tables have become another database.
pub(super) fn look(tables: &mut Tables, now: Timestamp) -> Incarnation {
    let newest = tables.newest(now);
    if !std::mem::take(&mut tables.is_another) {
        return newest;
    }
    let next = newest.next(now, "a test says that it is another database".to_owned());
    tables.incarnations.push(next.clone());
    next
}

/// Keeps what an operator says.
pub(super) fn confirm(tables: &mut Tables, params: &ConfirmParams, now: Timestamp) -> Confirmed {
    let newest = tables.newest(now);
    let answer = params.decide(&newest);
    let Confirmed::Confirmed { number } = answer else { return answer };
    if newest.number == number && newest.confirmed {
        return answer;
    }
    if newest.number < number {
        tables.incarnations.push(newest.next(now, Incarnation::REPORTED.to_owned()));
    }
    let before = tables.incarnations.iter().rev().nth(1).map_or(1, |before| before.whole_since);
    if let Some(this) = tables.incarnations.last_mut() {
        this.confirmed = true;
        this.confirmed_as = Some(params.confirmation);
        if params.confirmation.keeps_history() {
            this.whole_since = before;
        }
    }
    if params.confirmation == Confirmation::Copied {
        tables.key_namespaces.push(KeyNamespace::generate());
    }
    answer
}

impl Tables {
    /// The newest incarnation.
    pub(super) fn newest(&mut self, now: Timestamp) -> Incarnation {
        if self.incarnations.is_empty() {
            self.incarnations.push(Incarnation::first(now));
        }
        self.incarnations.last().cloned().unwrap_or_else(|| Incarnation::first(now))
    }

    /// The number that new operations are accepted under: the newest that is confirmed.
    pub(super) fn confirmed(&self) -> u32 {
        let confirmed = self.incarnations.iter().rev().find(|incarnation| incarnation.confirmed);
        confirmed.map_or(1, |incarnation| incarnation.number)
    }

    /// The latest incarnation that began as a copy, 0 if none did: what was accepted before it
    /// belongs to the original.
    pub(super) fn copied_at(&self) -> u32 {
        let copies = self.incarnations.iter().filter(|incarnation| incarnation.is_copy());
        copies.map(|incarnation| incarnation.number).max().unwrap_or(0)
    }

    /// The incarnation since which histories are whole.
    pub(super) fn whole_since(&self) -> u32 {
        self.incarnations.last().map_or(1, |newest| newest.whole_since)
    }
}

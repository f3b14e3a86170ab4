use std::collections::HashMap;
use std::sync::Mutex;

use super::lock;
use crate::policies::Backoff;
use crate::words::{OpId, Timestamp};

/// After each refusal: 1 s, 2 s, 4 s … up to a minute.
const PAUSE: Backoff = Backoff::from_millis(1000, 60_000);

/// Operations that the database refuses to move. Each is passed over for a while, longer each time, so
/// that it holds up none of the others. Kept in memory: another process finds out for itself.
#[derive(Debug, Default)]
pub struct PutOff(Mutex<HashMap<OpId, Off>>);

#[derive(Debug, Clone, Copy)]
struct Off {
    refusals: u32,
    until: Timestamp,
}

impl PutOff {
    /// How many to look at, so that as many as `limit` are left without those that are passed over.
    #[must_use]
    pub fn room(&self, limit: usize) -> usize {
        limit.saturating_add(lock(&self.0).len())
    }

    /// True while it is to be passed over.
    #[must_use]
    pub fn is_off(&self, op_id: OpId, now: Timestamp) -> bool {
        lock(&self.0).get(&op_id).is_some_and(|off| off.until > now)
    }

    /// Those that are to be passed over.
    #[must_use]
    pub fn all_off(&self, now: Timestamp) -> Vec<OpId> {
        let all = lock(&self.0);
        all.iter().filter(|(_, off)| off.until > now).map(|(op_id, _)| *op_id).collect()
    }

    /// True if the database has refused to move it lately: it comes after those that were never refused.
    #[must_use]
    pub fn was_refused(&self, op_id: OpId) -> bool {
        lock(&self.0).contains_key(&op_id)
    }

    /// The database has refused to move it. Those that have not come up again since are forgotten.
    pub fn refused(&self, op_id: OpId, now: Timestamp) {
        let mut all = lock(&self.0);
        all.retain(|_, off| now.since(off.until) < 2 * PAUSE.cap());
        let off = all.entry(op_id).or_insert(Off { refusals: 0, until: now });
        off.refusals = off.refusals.saturating_add(1);
        off.until = now.plus(PAUSE.delay(off.refusals, fastrand::f64()));
    }

    /// It has moved.
    pub fn moved(&self, op_id: OpId) {
        lock(&self.0).remove(&op_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn it_is_passed_over_for_longer_each_time_and_never_for_long() {
        let (put_off, op_id) = (PutOff::default(), OpId::generate());
        let mut now = at(1000);
        for refusals in 1..=12 {
            put_off.refused(op_id, now);
            let longest = PAUSE.delay(refusals, 1.0);
            assert!(put_off.is_off(op_id, now));
            assert_eq!(put_off.all_off(now), [op_id]);
            assert!(!put_off.is_off(op_id, now.plus(longest)), "{refusals}");
            now = now.plus(longest);
            assert_eq!(put_off.all_off(now), []);
        }
        put_off.moved(op_id);
        assert!(!put_off.is_off(op_id, now));
        assert_eq!(put_off.room(10), 10);
    }

    #[test]
    fn there_is_room_for_others_and_none_is_kept_for_ever() {
        let put_off = PutOff::default();
        put_off.refused(OpId::generate(), at(0));
        put_off.refused(OpId::generate(), at(1));
        assert_eq!(put_off.room(10), 12);
        put_off.refused(OpId::generate(), at(10_000));
        assert_eq!(put_off.room(10), 11);
    }
}

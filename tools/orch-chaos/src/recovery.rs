//! How soon somebody else goes on after a kill, from the ledger, the log and the audit.

use std::collections::HashMap;
use std::time::Duration;

use orch_lab::fleet::{Kill, kills_in_flight};

use crate::evidence::{Change, Evidence};
use crate::faults::Struck;
use crate::worker::name;

/// What the kills met.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// Kills while the provider was working on a call of the dead worker.
    pub(crate) in_flight: u64,
    /// From each kill to the next claim, or to the end, of each operation that the dead worker
    /// held; away from outages.
    pub(crate) times: Vec<Duration>,
    /// The same in outages and their aftermath.
    pub(crate) times_in_outages: Vec<Duration>,
    /// The slowest of `times`, in words.
    pub(crate) slowest: (Duration, String),
}

/// A recovery may begin so long after an outage and still be its victim; and the other way round.
const NEAR: i64 = 3_000_000;

impl Recovery {
    pub(crate) fn of(struck: &Struck, evidence: &Evidence) -> Self {
        let kills = || struck.kills.iter().map(|(kill, _)| *kill);
        let in_flight = kills_in_flight(kills(), &evidence.common.ledger);
        let kills: HashMap<String, Kill> = kills().map(|kill| (name(kill.worker), kill)).collect();
        let mut recovery = Self { in_flight, ..Self::default() };
        let mut by_operation: HashMap<&str, Vec<&Change>> = HashMap::new();
        for change in &evidence.changes {
            by_operation.entry(&change.op_id).or_default().push(change);
        }
        for changes in by_operation.values() {
            for (place, change) in changes.iter().enumerate() {
                let held = change.what == "fence" && change.worker.is_some();
                let Some(kill) =
                    change.worker.as_deref().and_then(|worker| kills.get(short(worker)))
                else {
                    continue;
                };
                let rest = &changes[place + 1..];
                if held
                    && change.at <= kill.at
                    && !ended(change, rest, kill.at)
                    && let Some(next) = went_on(rest, kill.at)
                {
                    recovery.add(struck, kill, next, change);
                }
            }
        }
        recovery
    }

    fn add(&mut self, struck: &Struck, kill: &Kill, next: i64, claim: &Change) {
        let killed_at = kill.at;
        let time = Duration::from_micros((next - killed_at).max(0).unsigned_abs());
        let near = |(from, to): &(i64, i64)| killed_at < *to && *from < killed_at + NEAR;
        if struck.outages.iter().any(near) {
            self.times_in_outages.push(time);
        } else {
            self.times.push(time);
            if time > self.slowest.0 {
                let Change { op_id, fence, worker, .. } = claim;
                self.slowest = (time, format!("{op_id} fence {fence:?} of {worker:?}, {kill:?}"));
            }
        }
    }

    /// The 99th percentile in milliseconds.
    pub(crate) fn p99_ms(times: &[Duration]) -> Option<u64> {
        let mut sorted: Vec<Duration> = times.to_vec();
        sorted.sort();
        let place = (sorted.len() * 99).div_ceil(100).checked_sub(1)?;
        u64::try_from(sorted.get(place)?.as_millis()).ok()
    }
}

/// `w17-…` without its random part.
pub(crate) fn short(worker: &str) -> &str {
    worker.split_once('-').map_or(worker, |(short, _)| short)
}

/// True if this claim's work was over when its worker died: finished, or given back to the queue.
fn ended(claim: &Change, rest: &[&Change], killed_at: i64) -> bool {
    let same = |change: &&&Change| change.fence == claim.fence;
    let finished = rest.iter().filter(same).find(|change| change.what == "finished");
    // Logged by then, and finalized by somebody else.
    if finished.is_some_and(|finished| finished.at > killed_at) {
        return false;
    }
    rest.iter().any(|change| {
        let ends = change.what == "log" || change.what == "released";
        let over = ends && same(&change) || change.what == "fence";
        change.at <= killed_at && over
    })
}

/// The next claim, or the end without one.
fn went_on(rest: &[&Change], killed_at: i64) -> Option<i64> {
    let after = || rest.iter().filter(|change| change.at > killed_at);
    let claimed = after().find(|change| change.what == "fence" && change.worker.is_some());
    let finished = after().find(|change| change.what == "finished");
    let taken_back = after().find(|change| change.what == "fence" || change.what == "log");
    claimed.or(finished).or(taken_back).map(|change| change.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_before_the_kill_is_not_recovered_from_it() {
        let change = |at, what: &str, fence, worker: Option<&str>| Change {
            at,
            what: what.into(),
            op_id: "a".into(),
            fence: Some(fence),
            old_fence: None,
            worker: worker.map(Into::into),
            detail: None,
        };
        let claim = change(1, "fence", 1, Some("w1-a"));
        let released = change(2, "released", 1, Some("w1-a"));
        let next = change(9_000, "fence", 2, Some("w2-b"));
        let mut struck = Struck::default();
        struck.kills.push((Kill { worker: 1, at: 3 }, None));
        let times = |changes: Vec<Change>| {
            Recovery::of(&struck, &Evidence { changes, ..Evidence::default() }).times
        };
        assert_eq!(times(vec![claim.clone(), released, next.clone()]), []);
        assert_eq!(times(vec![claim, next]), [Duration::from_micros(8_997)]);
    }
}

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::Failed;
use crate::figures::Figures;

/// What is in the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    /// Operations, in any status.
    pub present: i64,
    /// Those that expired over a minute ago.
    pub overdue: i64,
    /// Of the whole database.
    pub disk_bytes: i64,
}

/// What there is now. On connections of its own: the counts scan an index, and must hold up no accept.
///
/// # Errors
/// The database's.
pub(super) async fn look(url: &str) -> Result<State, Failed> {
    const LOOK: &str = "
        select (select count(*) from orch_status),
               (select count(*) from orch_status
                where expires_at < clock_timestamp() - interval '1 minute'),
               pg_database_size(current_database())";
    let mut session = PgConnection::connect(url).await?;
    let (present, overdue, disk_bytes) = sqlx::query_as(LOOK).fetch_one(&mut session).await?;
    session.close().await?;
    Ok(State { present, overdue, disk_bytes })
}

/// One minute of a soak; the counts are from its start on.
#[derive(Debug)]
pub(super) struct Minute {
    number: u64,
    accepted: u64,
    ended: u64,
    purged: i64,
    p50_ms: f64,
    pub p99_ms: f64,
    pub state: State,
}

impl Minute {
    /// The names of the columns of [`Minute::line`].
    pub(super) const HEAD: &str =
        "minute   accepted      ended     purged   disk MB   p50 ms   p99 ms   overdue";

    /// `ended` are handlers that have returned: their outcomes are stored a moment later, and all are checked at
    /// the end.
    pub(super) fn of(
        number: u64,
        accepted: u64,
        calls_ms: Vec<f64>,
        ended: u64,
        before: State,
        state: State,
    ) -> Self {
        let calls = Figures::default().with_percentiles("", calls_ms);
        let percentile = |name| calls.number(name).unwrap_or(f64::NAN);
        let (p50_ms, p99_ms) = (percentile("p50_ms"), percentile("p99_ms"));
        // What is there and was not is accepted; of what is not there any more, so much was removed.
        let there = i64::try_from(accepted).unwrap_or(i64::MAX).saturating_add(before.present);
        let purged = (there - state.present).max(0);
        Self { number, accepted, ended, purged, p50_ms, p99_ms, state }
    }

    /// For a person.
    pub(super) fn line(&self) -> String {
        let Self { number, accepted, ended, purged, p50_ms, p99_ms, state } = self;
        let (disk_mb, overdue) = (state.disk_bytes >> 20, state.overdue);
        format!(
            "{number:>6} {accepted:>10} {ended:>10} {purged:>10} {disk_mb:>9} {p50_ms:>8.2} \
             {p99_ms:>8.2} {overdue:>9}"
        )
    }

    /// For a program.
    pub(super) fn json(&self) -> Value {
        json!({
            "minute": self.number, "accepted": self.accepted, "ended": self.ended,
            "purged": self.purged, "disk_bytes": self.state.disk_bytes, "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms, "overdue": self.state.overdue,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_accepted_and_is_not_there_was_purged() {
        let before = State { present: 5, overdue: 0, disk_bytes: 0 };
        let state = State { present: 45, overdue: 2, disk_bytes: 3 << 20 };
        let minute = Minute::of(2, 100, vec![1.0, 2.0], 90, before, state);
        assert_eq!((minute.purged, minute.json()["ended"].clone()), (60, json!(90)));
        let line = minute.line();
        assert_eq!(line.len(), Minute::HEAD.len(), "{line}");
        let cells: Vec<_> = line.split_whitespace().collect();
        assert_eq!(cells, ["2", "100", "90", "60", "3", "2.00", "2.00", "2"]);
    }
}

//! What is there when all has healed: the ledger, what clients were told, and the store, read by
//! plain SQL.

use serde::Deserialize;
use sqlx::Row;

use crate::client::Line;
use crate::ledger::{self, Entry};
use crate::scene::Scene;
use crate::world::World;

/// All that the checker looks at.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) ledger: Vec<Entry>,
    pub(crate) told: Vec<Line>,
    pub(crate) stored: Vec<Stored>,
    pub(crate) log: Vec<Logged>,
    /// In the order in which they were made.
    pub(crate) changes: Vec<Change>,
    /// Order and amount of each row that a finalize hook wrote.
    pub(crate) bookings: Vec<(u64, u64)>,
    /// Operation and fence of each lease that its owner asked to be moved on, as often as it did.
    pub(crate) renewals: Vec<(String, i64)>,
}

/// An operation as it stands. Ids are 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) op_id: String,
    pub(crate) idem_key: String,
    pub(crate) event: String,
    pub(crate) body: String,
    /// Microseconds since 1970.
    pub(crate) accepted_at: i64,
    /// PENDING, IN_PROGRESS, COMPLETED, FAILED; two of them, joined, if the store says both.
    pub(crate) state: String,
    pub(crate) phase: Option<String>,
    pub(crate) held: bool,
    pub(crate) fence: i64,
    pub(crate) retries: i64,
    pub(crate) lost: i64,
    pub(crate) reconciles: i64,
    pub(crate) output: Option<String>,
    pub(crate) failure: Option<String>,
    /// What the audit must have recorded when it became terminal.
    pub(crate) outcome: Option<String>,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) op_id: String,
    pub(crate) fence: i64,
    pub(crate) late: bool,
    /// True if the status has not followed.
    pub(crate) pending: bool,
    pub(crate) attempt: i64,
    pub(crate) source: String,
    pub(crate) outcome: String,
    pub(crate) worker: Option<String>,
    pub(crate) logged_at: i64,
}

/// What the audit recorded; see [`crate::audit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) at: i64,
    pub(crate) what: String,
    pub(crate) op_id: String,
    pub(crate) fence: Option<i64>,
    pub(crate) old_fence: Option<i64>,
    pub(crate) worker: Option<String>,
    pub(crate) detail: Option<String>,
}

impl Change {
    /// True if a worker took the operation.
    pub(crate) fn is_claim(&self) -> bool {
        self.what == "fence" && self.worker.is_some()
    }
}

/// The dead letter's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) uncertain: bool,
    pub(crate) called: bool,
}

/// Asks them on a connection of either backend; the two differ in all their types.
macro_rules! ask {
    ($connection:expr, $ask:expr) => {{
        let (connection, ask) = ($connection, $ask);
        let mut evidence = Evidence::default();
        for row in sqlx::query(ask.stored).fetch_all(&mut *connection).await? {
            evidence.stored.push(Stored {
                op_id: row.try_get("op_id")?,
                idem_key: row.try_get("idem_key")?,
                event: row.try_get("event")?,
                body: row.try_get("body")?,
                accepted_at: row.try_get("accepted_at")?,
                state: row.try_get("state")?,
                phase: row.try_get("phase")?,
                held: row.try_get("held")?,
                fence: row.try_get("fence")?,
                retries: row.try_get("retries")?,
                lost: row.try_get("lost")?,
                reconciles: row.try_get("reconciles")?,
                output: row.try_get("output")?,
                failure: row.try_get("failure")?,
                outcome: row.try_get("outcome")?,
            });
        }
        for row in sqlx::query(ask.log).fetch_all(&mut *connection).await? {
            evidence.log.push(Logged {
                op_id: row.try_get("op_id")?,
                fence: row.try_get("fence")?,
                late: row.try_get("late")?,
                pending: row.try_get("pending")?,
                attempt: row.try_get("attempt")?,
                source: row.try_get("source")?,
                outcome: row.try_get("outcome")?,
                worker: row.try_get("worker")?,
                logged_at: row.try_get("logged_at")?,
            });
        }
        for row in sqlx::query(ask.changes).fetch_all(&mut *connection).await? {
            evidence.changes.push(Change {
                at: row.try_get("at")?,
                what: row.try_get("what")?,
                op_id: row.try_get("op_id")?,
                fence: row.try_get("fence")?,
                old_fence: row.try_get("old_fence")?,
                worker: row.try_get("worker")?,
                detail: row.try_get("detail")?,
            });
        }
        for row in sqlx::query(ask.bookings).fetch_all(&mut *connection).await? {
            let (order, amount): (i64, i64) =
                (row.try_get("order_number")?, row.try_get("amount")?);
            evidence.bookings.push((order.cast_unsigned(), amount.cast_unsigned()));
        }
        evidence
    }};
}

impl Evidence {
    /// Reads everything.
    pub(crate) async fn collect(
        world: &World,
        scene: &Scene,
        renewals: &[(String, i64)],
    ) -> crate::Result<Self> {
        let mut evidence = match scene {
            Scene::Postgres(postgres) => {
                ask!(&mut postgres.connect().await?, &POSTGRES)
            }
            Scene::Sqlite(sqlite) => ask!(&mut sqlite.connect().await?, &SQLITE),
        };
        evidence.renewals = renewals.to_vec();
        evidence.ledger = ledger::read(&world.ledger())?;
        for lane in 0..world.lanes {
            evidence.told.extend(ledger::read::<Line>(&world.told(lane))?);
        }
        Ok(evidence)
    }
}

/// The questions, with the same columns from both backends.
struct Questions {
    stored: &'static str,
    log: &'static str,
    changes: &'static str,
    bookings: &'static str,
}

const POSTGRES: Questions = Questions {
    stored: "
SELECT replace(o.op_id::text, '-', '') AS op_id, o.idem_key, o.event_type AS event,
       convert_from(o.payload, 'UTF8') AS body,
       (extract(epoch FROM o.accepted_at) * 1000000)::bigint AS accepted_at,
       concat_ws('+', q.status, CASE WHEN l.outcome = 'OK' THEN 'COMPLETED'
                                     WHEN l.outcome IS NOT NULL THEN 'FAILED' END) AS state,
       q.phase, q.lease_expires_at IS NOT NULL AS held,
       coalesce(q.fence, l.fence, -1) AS fence,
       coalesce(q.retries, l.retries, 0)::bigint AS retries,
       coalesce(q.lost_attempts, l.lost_attempts, 0)::bigint AS lost,
       coalesce(q.reconciles, 0)::bigint AS reconciles,
       convert_from(l.output, 'UTF8') AS output, d.failure::text AS failure,
       l.outcome || ' ' || coalesce(md5(l.output), '') AS outcome
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id",
    log: "
SELECT replace(op_id::text, '-', '') AS op_id, fence, late, status = 'PENDING' AS pending,
       attempt::bigint AS attempt, source, outcome, worker,
       (extract(epoch FROM logged_at) * 1000000)::bigint AS logged_at
FROM orch_write_ahead_log ORDER BY seq",
    changes: "
SELECT (extract(epoch FROM at) * 1000000)::bigint AS at, what,
       replace(op_id::text, '-', '') AS op_id, fence, old_fence, worker, detail
FROM chaos_audit ORDER BY id",
    bookings: "SELECT order_number, amount FROM chaos_booking",
};

const SQLITE: Questions = Questions {
    stored: "
SELECT lower(hex(o.op_id)) AS op_id, o.idem_key, o.event_type AS event,
       CAST(o.payload AS TEXT) AS body, o.accepted_at, o.status AS state, o.phase,
       o.lease_expires_at IS NOT NULL AS held, o.fence, o.retries, o.lost_attempts AS lost,
       o.reconciles, CAST(l.output AS TEXT) AS output, d.failure,
       CASE WHEN o.finished_at IS NOT NULL
            THEN o.status || ' ' || o.outcome || ' ' || coalesce(o.failure, '') END AS outcome
FROM orch_operation o
LEFT JOIN orch_write_ahead_log l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND NOT l.late AND o.outcome = 'OK'
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id",
    log: "
SELECT lower(hex(op_id)) AS op_id, fence, late <> 0 AS late, status = 'PENDING' AS pending,
       attempt, source, outcome, worker, logged_at
FROM orch_write_ahead_log ORDER BY rowid",
    changes: "
SELECT at, what, lower(hex(op_id)) AS op_id, fence, old_fence, worker,
       detail
FROM chaos_audit ORDER BY id",
    bookings: "SELECT order_number, amount FROM chaos_booking",
};

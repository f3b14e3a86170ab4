-- Workers of two versions beside each other, and results that cannot be read back.
-- docs/adr/0015-what-a-command-says.md and 0016-versions-side-by-side.md have the reasons.

-- As in 0003: it waits for sessions that use the table, and takes the view first.
SET LOCAL lock_timeout = '2s';
ALTER VIEW orch_status RESET (security_barrier);

-- As much of a result as could be written, for an operator. An earlier release reads
-- its entry as what it says without this: in doubt, and parked.
ALTER TABLE orch_write_ahead_log ADD COLUMN unreadable bytea;
-- Not valid, so that nobody waits while a long log is read: no entry that is there has it.
ALTER TABLE orch_write_ahead_log ADD CONSTRAINT unreadable_is_in_doubt
    CHECK (unreadable IS NULL OR outcome = 'IN_DOUBT') NOT VALID;

-- Since when no worker that claimed it has had all that it needs. Parked for that, it stays claimable: a
-- worker that has all takes it. Nothing that is there breaks the new rule, so nothing is read for it.
ALTER TABLE orch_queue ADD COLUMN unhandled_since timestamptz;
ALTER TABLE orch_queue DROP CONSTRAINT due_only_when_claimable;
ALTER TABLE orch_queue ADD CONSTRAINT due_only_when_claimable
    CHECK (due_at IS NULL
           OR lease_expires_at IS NULL
              AND coalesce(phase IN ('waiting', 'in_doubt', 'parked'), true)) NOT VALID;

CREATE OR REPLACE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key,
       o.redrive::bigint AS redrive, o.redrive_of, o.accepted_at, o.time_budget_ms,
       coalesce(q.status,
                CASE WHEN l.outcome = 'OK' THEN 'COMPLETED'
                     WHEN l.outcome IS NOT NULL THEN 'FAILED' END) AS status,
       q.phase,
       coalesce(q.attempt, l.attempt)::bigint AS attempt,
       coalesce(q.fence, l.fence) AS fence,
       coalesce(q.retries, l.retries)::bigint AS retries,
       coalesce(q.lost_attempts, l.lost_attempts)::bigint AS lost_attempts,
       q.reconciles::bigint AS reconciles,
       q.key_generation::bigint AS key_generation,
       coalesce(q.deadline, l.deadline) AS deadline,
       q.due_at, q.lease_expires_at, q.worker, q.started_at, q.first_called_at,
       q.max_attempts::bigint AS max_attempts,
       q.backoff_base_ms::bigint AS backoff_base_ms,
       q.backoff_cap_ms::bigint AS backoff_cap_ms,
       q.in_doubt,
       q.max_reconciles::bigint AS max_reconciles,
       q.replays_errors, q.hooked,
       l.finished_at,
       q.reason,
       d.failure::text AS failure,
       l.output,
       o.payload,
       o.key_seed,
       q.incarnation::bigint AS incarnation,
       q.unhandled_since
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id;

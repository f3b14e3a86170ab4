-- Answers of providers that are neither yes nor no: still running, and already done.
-- docs/adr/0023-answers-that-are-neither.md has the reasons.

-- As in 0003: it waits for sessions that use the table, and takes the view first.
SET LOCAL lock_timeout = '2s';
ALTER VIEW orch_status RESET (security_barrier);

-- Executions that used up no attempt, how many there may be, and whether the provider has said that it had
-- been done already. The defaults of core before the first claim, and for the statements of an earlier
-- release.
ALTER TABLE orch_queue
    ADD COLUMN uncounted integer NOT NULL DEFAULT 0,
    ADD COLUMN max_uncounted integer NOT NULL DEFAULT 100,
    ADD COLUMN already_done boolean NOT NULL DEFAULT false;

-- Not valid, so that the log is not read for it: no entry that is there breaks the wider rule.
ALTER TABLE orch_write_ahead_log
    DROP CONSTRAINT outcome_is_known,
    ADD CONSTRAINT outcome_is_known
        CHECK (outcome IN ('OK', 'RETRY', 'FAIL', 'IN_DOUBT', 'NOT_HAPPENED', 'STILL_RUNNING',
                           'ALREADY_DONE')) NOT VALID;

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
       q.unhandled_since,
       q.completed_retention_s::bigint AS completed_retention_s,
       q.failed_retention_s::bigint AS failed_retention_s,
       l.expires_at,
       q.uncounted::bigint AS uncounted,
       q.max_uncounted::bigint AS max_uncounted,
       q.already_done
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id;

-- What a provider has accepted, and tells later what becomes of it: docs/adr/0027-submitted.md.

-- As in 0003: it waits for sessions that use the table, and takes the view first. The index reads the queue
-- once, in which only what is unfinished is.
SET LOCAL lock_timeout = '2s';
ALTER VIEW orch_status RESET (security_barrier);

-- True once the provider has accepted the call.
ALTER TABLE orch_queue ADD COLUMN submitted boolean NOT NULL DEFAULT false;

-- Not valid, so that nothing is read for them: no row that is there breaks the wider rules, or is submitted.
ALTER TABLE orch_queue
    DROP CONSTRAINT phase_is_known,
    ADD CONSTRAINT phase_is_known
        CHECK (phase IN ('running', 'waiting', 'in_doubt', 'submitted', 'parked')) NOT VALID,
    DROP CONSTRAINT lease_only_when_held,
    ADD CONSTRAINT lease_only_when_held
        CHECK (lease_expires_at IS NULL OR phase IN ('running', 'in_doubt', 'submitted')) NOT VALID,
    DROP CONSTRAINT due_only_when_claimable,
    ADD CONSTRAINT due_only_when_claimable
        CHECK (due_at IS NULL
               OR lease_expires_at IS NULL
                  AND coalesce(phase IN ('waiting', 'in_doubt', 'submitted', 'parked'), true)) NOT VALID,
    -- Claimed before its deadline, it would run.
    ADD CONSTRAINT submitted_is_not_run_again
        CHECK (phase IS DISTINCT FROM 'submitted' OR in_doubt = 'reconcile' OR due_at IS NULL
               OR due_at >= deadline) NOT VALID;

-- What the sweep of time budgets ends beside what orch_queue_deadline_idx has.
CREATE INDEX orch_queue_submitted_idx ON orch_queue (deadline)
    WHERE phase = 'submitted' AND in_doubt <> 'reconcile';

ALTER TABLE orch_write_ahead_log
    DROP CONSTRAINT outcome_is_known,
    ADD CONSTRAINT outcome_is_known
        CHECK (outcome IN ('OK', 'RETRY', 'FAIL', 'IN_DOUBT', 'NOT_HAPPENED', 'STILL_RUNNING',
                           'ALREADY_DONE', 'SUBMITTED')) NOT VALID;

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
       q.already_done,
       q.submitted
FROM orch_operation o
LEFT JOIN orch_queue q ON q.op_id = o.op_id
LEFT JOIN orch_write_ahead_log l ON l.op_id = o.op_id AND l.finished_at IS NOT NULL
LEFT JOIN orch_dead_letter d ON d.op_id = o.op_id;

-- Each column has the word of the book, and one view tells where operations stand: the same
-- columns in the same order in every database.

ALTER TABLE orch_operation RENAME COLUMN state TO status;
ALTER TABLE orch_operation RENAME COLUMN settled_fence TO finished_fence;
ALTER TABLE orch_operation RENAME COLUMN attempt_started_at TO started_at;
ALTER TABLE orch_write_ahead_log RENAME COLUMN state TO status;
ALTER TABLE orch_write_ahead_log RENAME COLUMN finalize_failures TO hook_failures;

-- The output is kept in the log only: in the entry that finished the operation.
CREATE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive, o.redrive_of,
       o.accepted_at, o.time_budget_ms, o.status, o.phase, o.attempt, o.fence, o.retries,
       o.lost_attempts, o.reconciles, o.key_generation, o.deadline, o.due_at, o.lease_expires_at,
       o.worker, o.started_at, o.first_called_at, o.max_attempts, o.backoff_base_ms,
       o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors, o.hooked, o.finished_at,
       o.reason, o.failure, l.output, o.payload
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.status = 'COMPLETED';

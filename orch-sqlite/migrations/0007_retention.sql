-- How long an operation is kept is its kind's: the latest claim writes it, and a finished operation says
-- when it expires. docs/adr/0018-retention-is-the-kinds.md has the reasons.

-- Whole seconds; the defaults of core before the first claim.
ALTER TABLE orch_operation ADD COLUMN completed_retention_s INTEGER NOT NULL DEFAULT 604800;
ALTER TABLE orch_operation ADD COLUMN failed_retention_s INTEGER NOT NULL DEFAULT 2592000;

-- NULL where an earlier release has ended it: kept for a year from finished_at.
ALTER TABLE orch_operation ADD COLUMN expires_at INTEGER
    CONSTRAINT expires_at_only_when_terminal CHECK (expires_at IS NULL OR finished_at IS NOT NULL);

-- What does not say it comes first, by finished_at. The name stays: an earlier release asks for it.
DROP INDEX orch_operation_purge_idx;
CREATE INDEX orch_operation_purge_idx ON orch_operation (expires_at, finished_at)
    WHERE finished_at IS NOT NULL;

DROP VIEW orch_status;

CREATE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive, o.redrive_of,
       o.accepted_at, o.time_budget_ms, o.status, o.phase, o.attempt, o.fence, o.retries,
       o.lost_attempts, o.reconciles, o.key_generation, o.deadline, o.due_at, o.lease_expires_at,
       o.worker, o.started_at, o.first_called_at, o.max_attempts, o.backoff_base_ms,
       o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors, o.hooked, o.finished_at,
       o.reason, o.failure, l.output, o.payload, o.key_seed, o.incarnation,
       o.unhandled_since, o.completed_retention_s, o.failed_retention_s, o.expires_at
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.status = 'COMPLETED';

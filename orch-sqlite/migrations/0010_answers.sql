-- Answers of providers that are neither yes nor no: still running, and already done.
-- docs/adr/0023-answers-that-are-neither.md has the reasons.

-- Executions that used up no attempt, how many there may be, and whether the provider has said that it had
-- been done already. The defaults of core before the first claim.
ALTER TABLE orch_operation ADD COLUMN uncounted INTEGER NOT NULL DEFAULT 0
    CONSTRAINT uncounted_is_a_count CHECK (uncounted >= 0);
ALTER TABLE orch_operation ADD COLUMN max_uncounted INTEGER NOT NULL DEFAULT 100;
ALTER TABLE orch_operation ADD COLUMN already_done INTEGER NOT NULL DEFAULT 0
    CONSTRAINT already_done_is_a_flag CHECK (already_done IN (0, 1));

-- As in 0005: no stored row can break the wider rule.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, '''IN_DOUBT'', ''NOT_HAPPENED'')',
                  '''IN_DOUBT'', ''NOT_HAPPENED'', ''STILL_RUNNING'', ''ALREADY_DONE'')')
WHERE type = 'table' AND name = 'orch_write_ahead_log';
PRAGMA writable_schema = RESET;

-- Fails if the rule was not found as it is written above.
CREATE TEMP TABLE orch_altered
    (place INTEGER CONSTRAINT outcome_is_known_was_found CHECK (place > 0));
INSERT INTO orch_altered
SELECT instr(sql, '''STILL_RUNNING''') FROM sqlite_schema
WHERE type = 'table' AND name = 'orch_write_ahead_log';
DROP TABLE orch_altered;

DROP VIEW orch_status;

CREATE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive, o.redrive_of,
       o.accepted_at, o.time_budget_ms, o.status, o.phase, o.attempt, o.fence, o.retries,
       o.lost_attempts, o.reconciles, o.key_generation, o.deadline, o.due_at, o.lease_expires_at,
       o.worker, o.started_at, o.first_called_at, o.max_attempts, o.backoff_base_ms,
       o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors, o.hooked, o.finished_at,
       o.reason, o.failure, l.output, o.payload, o.key_seed, o.incarnation,
       o.unhandled_since, o.completed_retention_s, o.failed_retention_s, o.expires_at,
       o.uncounted, o.max_uncounted, o.already_done
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.status = 'COMPLETED';

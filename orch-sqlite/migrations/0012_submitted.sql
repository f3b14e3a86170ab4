-- What a provider has accepted, and tells later what becomes of it: docs/adr/0027-submitted.md.

-- True once the provider has accepted the call.
ALTER TABLE orch_operation ADD COLUMN submitted INTEGER NOT NULL DEFAULT 0
    CONSTRAINT submitted_is_a_flag CHECK (submitted IN (0, 1));

-- As in 0005: no stored row can break the wider rules, and none is submitted. What is submitted and was
-- claimed before its deadline would run.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(replace(replace(sql,
    'CHECK (phase IN (''running'', ''waiting'', ''in_doubt'', ''parked''))',
    'CHECK (phase IN (''running'', ''waiting'', ''in_doubt'', ''submitted'', ''parked'')),
    CONSTRAINT submitted_is_not_run_again
        CHECK (phase IS NOT ''submitted'' OR in_doubt = ''reconcile'' OR due_at IS NULL
               OR due_at >= deadline)'),
    'phase IN (''running'', ''in_doubt'')', 'phase IN (''running'', ''in_doubt'', ''submitted'')'),
    'phase IS ''in_doubt'' OR phase IS ''parked'')',
    'phase IS ''in_doubt'' OR phase IS ''submitted'' OR phase IS ''parked'')')
WHERE type = 'table' AND name = 'orch_operation';
UPDATE sqlite_schema
SET sql = replace(sql, '''STILL_RUNNING'', ''ALREADY_DONE'')',
                  '''STILL_RUNNING'', ''ALREADY_DONE'', ''SUBMITTED'')')
WHERE type = 'table' AND name = 'orch_write_ahead_log';
PRAGMA writable_schema = RESET;

-- Fails if a rule was not found as it is written above.
CREATE TEMP TABLE orch_altered
    (place INTEGER CONSTRAINT rule_was_found CHECK (place > 0));
INSERT INTO orch_altered
SELECT instr(sql, '''in_doubt'', ''submitted'', ''parked''') FROM sqlite_schema
WHERE type = 'table' AND name = 'orch_operation'
UNION ALL
SELECT instr(sql, '''running'', ''in_doubt'', ''submitted'')') FROM sqlite_schema
WHERE type = 'table' AND name = 'orch_operation'
UNION ALL
SELECT instr(sql, 'phase IS ''submitted''') FROM sqlite_schema
WHERE type = 'table' AND name = 'orch_operation'
UNION ALL
SELECT instr(sql, '''SUBMITTED''') FROM sqlite_schema
WHERE type = 'table' AND name = 'orch_write_ahead_log';
DROP TABLE orch_altered;

-- What the sweep of time budgets ends beside what orch_operation_deadline_idx has.
CREATE INDEX orch_operation_submitted_idx ON orch_operation (deadline)
    WHERE phase = 'submitted' AND in_doubt <> 'reconcile';

DROP VIEW orch_status;

CREATE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive, o.redrive_of,
       o.accepted_at, o.time_budget_ms, o.status, o.phase, o.attempt, o.fence, o.retries,
       o.lost_attempts, o.reconciles, o.key_generation, o.deadline, o.due_at, o.lease_expires_at,
       o.worker, o.started_at, o.first_called_at, o.max_attempts, o.backoff_base_ms,
       o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors, o.hooked, o.finished_at,
       o.reason, o.failure, l.output, o.payload, o.key_seed, o.incarnation,
       o.unhandled_since, o.completed_retention_s, o.failed_retention_s, o.expires_at,
       o.uncounted, o.max_uncounted, o.already_done, o.submitted
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.status = 'COMPLETED';

-- Workers of two versions beside each other, and results that cannot be read back.
-- docs/adr/0015-what-a-command-says.md and 0016-versions-side-by-side.md have the reasons.

-- As much of a result as could be written, for an operator. An earlier release reads
-- its entry as what it says without this: in doubt, and parked.
ALTER TABLE orch_write_ahead_log ADD COLUMN unreadable BLOB
    CONSTRAINT unreadable_is_in_doubt CHECK (unreadable IS NULL OR outcome = 'IN_DOUBT');

-- Parked because no worker had all that it needs, an operation stays claimable. SQLite has no statement
-- for a rule that changes; this is the way that its page on ALTER TABLE gives for one that no stored row
-- can break. The statements after it let every connection read the schema again.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, 'phase IS ''waiting'' OR phase IS ''in_doubt'')',
                  'phase IS ''waiting'' OR phase IS ''in_doubt'' OR phase IS ''parked'')')
WHERE type = 'table' AND name = 'orch_operation';
PRAGMA writable_schema = RESET;

-- Fails if the rule was not found as it is written above.
CREATE TEMP TABLE orch_altered
    (place INTEGER CONSTRAINT due_only_when_claimable_was_found CHECK (place > 0));
INSERT INTO orch_altered
SELECT instr(sql, 'phase IS ''parked''') FROM sqlite_schema
WHERE type = 'table' AND name = 'orch_operation';
DROP TABLE orch_altered;

-- Since when no worker that claimed it has had all that it needs.
ALTER TABLE orch_operation ADD COLUMN unhandled_since INTEGER;

DROP VIEW orch_status;

CREATE VIEW orch_status AS
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.redrive, o.redrive_of,
       o.accepted_at, o.time_budget_ms, o.status, o.phase, o.attempt, o.fence, o.retries,
       o.lost_attempts, o.reconciles, o.key_generation, o.deadline, o.due_at, o.lease_expires_at,
       o.worker, o.started_at, o.first_called_at, o.max_attempts, o.backoff_base_ms,
       o.backoff_cap_ms, o.in_doubt, o.max_reconciles, o.replays_errors, o.hooked, o.finished_at,
       o.reason, o.failure, l.output, o.payload, o.key_seed, o.incarnation,
       o.unhandled_since
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.status = 'COMPLETED';

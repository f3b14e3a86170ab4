-- An outcome whose finalize hook has failed for good is parked: it stays PENDING in the log, and no
-- Finalizer takes it. docs/adr/0017-a-way-out-of-every-end.md has the reasons.

-- As in 0005: what is there obeys a stricter rule.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
SET sql = replace(sql, 'CONSTRAINT finalize_due_iff_pending CHECK ((finalize_due_at IS NOT NULL) = (status = ''PENDING''))',
                  'CONSTRAINT finalize_due_only_when_pending CHECK (finalize_due_at IS NULL OR status = ''PENDING'')')
WHERE type = 'table' AND name = 'orch_write_ahead_log';
PRAGMA writable_schema = RESET;

-- Fails if the rule was not found as it is written above.
CREATE TEMP TABLE orch_altered
    (place INTEGER CONSTRAINT finalize_due_iff_pending_was_found CHECK (place > 0));
INSERT INTO orch_altered
SELECT instr(sql, 'finalize_due_only_when_pending') FROM sqlite_schema
WHERE type = 'table' AND name = 'orch_write_ahead_log';
DROP TABLE orch_altered;

-- Purpose: S3, appends entries to the write-ahead log.
-- Parameters, per row: op_id, fence, late, attempt, worker, source, started_at, logged_at,
--   outcome, detail, after_ms, delay_ms, status, finalize_due_at, note, output,
--   unreadable.
-- Index: orch_write_ahead_log_claim_idx: the first entry of a claim stands.
-- Shape: as accept.sql. The number of rows stored tells whether a late outcome is new.
INSERT INTO orch_write_ahead_log
    (op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail,
     after_ms, delay_ms, status, finalize_due_at, note, output, unreadable)
SELECT * FROM (VALUES /*row*/(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)/*row*/)
WHERE column1 IS NOT NULL
ON CONFLICT (op_id, fence, late) DO NOTHING

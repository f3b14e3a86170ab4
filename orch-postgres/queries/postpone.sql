-- Purpose: a finalize hook has failed: the next try of its entry is put off, and the error kept.
-- Parameters: $1 now (NULL: the server's clock), $2 op_id, $3 fence, $4 delay_ms, $5 hook_error.
-- Index: the primary key of the log.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now)
UPDATE orch_write_ahead_log l
SET finalize_failures = coalesce(l.finalize_failures, 0) + 1,
    finalize_due_at = c.now + $4 * interval '1 millisecond',
    hook_error = $5
FROM clock c
WHERE l.op_id = $2 AND l.fence = $3 AND NOT l.late AND l.state = 'PENDING'
RETURNING l.finalize_due_at

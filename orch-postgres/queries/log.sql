-- Purpose: S3, first half: ends of attempts into the log as PENDING; the lease is dropped.
-- Parameters: $1 now (NULL: the server's clock); then an array per column: $2 op_id, $3 fence,
--   $4 source, $5 outcome, $6 detail, $7 output, $8 after_ms, $9 delay_ms.
-- Index: the primary key of the queue.
-- Shape: the rows are locked in the order of op_id before anything is written. Who is not
--   returned holds no such lease: step decides about it.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
held AS MATERIALIZED (
    SELECT e.*, q.attempt, q.worker, q.started_at, c.now
    FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bytea[],
                $8::bigint[], $9::bigint[])
         AS e(op_id, fence, source, outcome, detail, output, after_ms, delay_ms)
    JOIN orch_queue q ON q.op_id = e.op_id AND q.fence = e.fence AND q.worker IS NOT NULL
    CROSS JOIN clock c
    ORDER BY q.op_id
    FOR UPDATE OF q
),
dropped AS (
    UPDATE orch_queue q SET lease_expires_at = NULL, worker = NULL, started_at = NULL
    FROM held h WHERE q.op_id = h.op_id
)
INSERT INTO orch_write_ahead_log
    (op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail, output,
     after_ms, delay_ms, status, finalize_due_at)
SELECT op_id, fence, false, attempt, worker, source, started_at, now, outcome, detail, output,
       after_ms, delay_ms, 'PENDING', now + interval '1 second'
FROM held
RETURNING op_id, fence

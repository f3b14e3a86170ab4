-- Purpose: S3 as a whole for definite ends: OK and FAIL finish an operation whatever its row
--   says.
-- Parameters: $1 now (NULL: the server's clock); then an array per column: $2 op_id, $3 fence,
--   $4 source, $5 outcome, $6 detail (of FAIL: the failure as JSON), $7 output.
-- Index: the primary key of the queue.
-- Shape: deleting the queue entry is the guard: who deletes it writes the outcome. No lock
--   before the delete and no decision, which makes it 1.5 times as fast as settle_open.sql; the
--   sort makes the batch delete in the order of op_id. One row with all that are settled: a row
--   for each costs both sides half a microsecond. The clock is asked in a subquery: beside e in USING
--   it would be joined, and copied whole, for each row.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
gone AS (
    DELETE FROM orch_queue q
    USING (SELECT unnest($2::uuid[]) AS op_id, unnest($3::bigint[]) AS fence,
                  unnest($4::text[]) AS source, unnest($5::text[]) AS outcome,
                  unnest($6::text[]) AS detail, unnest($7::bytea[]) AS output
           ORDER BY op_id) e
    WHERE q.op_id = e.op_id AND q.fence = e.fence AND q.worker IS NOT NULL
    RETURNING q.op_id, q.fence, q.attempt, q.retries, q.lost_attempts, q.worker, q.started_at,
              q.deadline, q.completed_retention_s, q.failed_retention_s, e.source, e.outcome,
              e.detail, e.output
),
logged AS (
    INSERT INTO orch_write_ahead_log
        (op_id, fence, late, attempt, worker, source, started_at, logged_at, outcome, detail,
         output, status, finished_at, expires_at, retries, lost_attempts, deadline)
    SELECT op_id, fence, false, attempt, worker, source, started_at, (SELECT now FROM clock),
           outcome, detail, output, 'COMPLETED', (SELECT now FROM clock),
           (SELECT now FROM clock)
               + CASE outcome WHEN 'OK' THEN completed_retention_s ELSE failed_retention_s END
                 * interval '1 second',
           retries, lost_attempts, deadline
    FROM gone
),
letters AS (
    INSERT INTO orch_dead_letter (op_id, created_at, failure)
    SELECT op_id, (SELECT now FROM clock), detail::json FROM gone WHERE outcome = 'FAIL'
)
SELECT coalesce(array_agg(op_id), '{}') AS op_ids, coalesce(array_agg(fence), '{}') AS fences
FROM gone

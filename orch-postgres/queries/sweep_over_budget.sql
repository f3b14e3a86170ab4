-- Purpose: the operations whose deadline has passed and that nobody works on, the oldest first:
--   PENDING ones of known kinds, waiting ones, and those in doubt that would only run again.
-- Parameters: $1 now (NULL: the server's clock), $2 limit, $3 array of the known kinds.
-- Index: orch_queue_deadline_idx, in its order; unknown kinds are passed over inside it.
-- Shape: only reads; save.sql moves what is still as it was read.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
over AS MATERIALIZED (
    SELECT q.op_id FROM orch_queue q
    WHERE q.due_at IS NOT NULL
      AND (q.status = 'PENDING' OR q.phase = 'waiting'
           OR q.phase = 'in_doubt' AND q.in_doubt = 'retry')
      AND q.deadline <= (SELECT now FROM clock)
      AND (q.status <> 'PENDING' OR q.kind = ANY($3::text[]))
    ORDER BY q.deadline
    LIMIT $2
)
SELECT c.now, s.*
FROM over e CROSS JOIN clock c JOIN orch_status s ON s.op_id = e.op_id

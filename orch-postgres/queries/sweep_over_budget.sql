-- Purpose: the operations whose deadline has passed and that nobody works on, the oldest first:
--   PENDING ones of known kinds, waiting ones, those in doubt that would only run again, and those that
--   are submitted and have no reconcile.
-- Parameters: $1 now (NULL: the server's clock), $2 limit, $3 array of the known kinds, $4 the
--   incarnation that the process knows, $5 the furthest WAL position seen under it (NULL: none).
-- Index: orch_queue_deadline_idx, in its order; unknown kinds are passed over inside it. For what is
--   submitted orch_queue_submitted_idx.
-- Shape: only reads; save.sql moves what is still as it was read. Those of an earlier incarnation are
--   in doubt first: sweep_earlier.sql. Where the database is not the same as before, by `here` of
--   claim.sql, nothing ends.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
here AS MATERIALIZED (
    SELECT i.number, i.whole_since,
           coalesce(i.system_identifier = h.system_identifier, true)
               AND coalesce(i.timeline = h.timeline, true)
               AND coalesce(i.database = h.database, true)
               AND coalesce(i.number > $4 OR i.number = $4 AND h.wal_position >= $5, true) AS same
    FROM orch_here() h, orch_incarnation i
    ORDER BY i.number DESC
    LIMIT 1
),
over AS MATERIALIZED (
    (SELECT q.op_id, q.deadline FROM orch_queue q
     WHERE q.due_at IS NOT NULL
       AND (q.status = 'PENDING' OR q.phase = 'waiting'
            OR q.phase = 'in_doubt' AND q.in_doubt = 'retry')
       AND q.deadline <= (SELECT now FROM clock)
       AND (q.status <> 'PENDING' OR q.kind = ANY($3::text[]))
       AND q.incarnation >= (SELECT whole_since FROM here WHERE same)
     ORDER BY q.deadline
     LIMIT $2)
    UNION ALL
    (SELECT q.op_id, q.deadline FROM orch_queue q
     WHERE q.due_at IS NOT NULL AND q.phase = 'submitted' AND q.in_doubt <> 'reconcile'
       AND q.deadline <= (SELECT now FROM clock)
       AND q.incarnation >= (SELECT whole_since FROM here WHERE same)
     ORDER BY q.deadline
     LIMIT $2)
    ORDER BY deadline
    LIMIT $2
)
SELECT c.now, h.whole_since::bigint AS whole_since, s.*
FROM over e CROSS JOIN clock c CROSS JOIN here h JOIN orch_status s ON s.op_id = e.op_id

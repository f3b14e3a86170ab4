-- Purpose: gives claims back that were not run; the attempt, or the reconcile, is not
--   counted.
-- Parameters: $1 now (NULL: the server's clock), $2 op_id array, $3 fence array, $4 reason array
--   (NULL: due again at once; else parked with it).
-- Index: the primary key.
-- Shape: sorted first, so that the rows are locked in the order of op_id. Who is not returned
--   holds no such lease, or is submitted: step decides about it.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now)
UPDATE orch_queue q
SET attempt = greatest(q.attempt - (q.phase = 'running')::int, 0),
    reconciles = greatest(q.reconciles - (q.phase = 'in_doubt')::int, 0),
    phase = CASE WHEN r.reason IS NOT NULL THEN 'parked'
                 WHEN q.phase = 'in_doubt' THEN 'in_doubt' ELSE 'waiting' END,
    due_at = CASE WHEN r.reason IS NULL THEN c.now END,
    reason = coalesce(r.reason, q.reason),
    hooked = q.hooked AND q.first_called_at IS NOT NULL,
    lease_expires_at = NULL,
    worker = NULL,
    started_at = NULL
FROM (SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[]) AS r(op_id, fence, reason)
      ORDER BY op_id) r, clock c
WHERE q.op_id = r.op_id AND q.fence = r.fence AND q.worker IS NOT NULL AND q.phase <> 'submitted'
RETURNING q.op_id, q.fence

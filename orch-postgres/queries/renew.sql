-- Purpose: moves the ends of leases.
-- Parameters: $1 now (NULL: the server's clock), $2 lease_ms, $3 op_id array, $4 fence array.
-- Index: the primary key.
-- Shape: sorted first, so that the rows are locked in the order of op_id.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now)
UPDATE orch_queue q
SET lease_expires_at = c.now + $2 * interval '1 millisecond'
FROM (SELECT * FROM unnest($3::uuid[], $4::bigint[]) AS l(op_id, fence) ORDER BY op_id) l, clock c
WHERE q.op_id = l.op_id AND q.fence = l.fence AND q.worker IS NOT NULL
RETURNING q.op_id, q.fence, q.lease_expires_at

-- Purpose: the operation that a claim of one would lease, asked after the server has refused that claim.
-- Parameters: $1 now (NULL: the server's clock); then an array per field of the kinds' policies, in the
--   order in which to look: $2 kind, $3 in_doubt; $4 array of the op_ids that are passed over.
-- Index: orch_queue_claim_idx, as in claim.sql.
-- Shape: the walk of claim.sql, with its locks, so that it finds the same one.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
here AS MATERIALIZED (
    SELECT i.whole_since FROM orch_incarnation i ORDER BY i.number DESC LIMIT 1
)
SELECT found.op_id, k.kind
FROM here h,
unnest($2::text[], $3::text[]) AS k(kind, in_doubt),
LATERAL (
    SELECT q.op_id
    FROM orch_queue q
    WHERE q.kind = k.kind AND q.due_at IS NOT NULL AND q.due_at <= (SELECT now FROM clock)
      AND (q.deadline > (SELECT now FROM clock)
           OR q.first_called_at IS NOT NULL AND 'reconcile' IN (k.in_doubt, q.in_doubt))
      AND q.incarnation >= h.whole_since
      AND q.op_id <> ALL($4::uuid[])
    ORDER BY q.due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
) found
LIMIT 1

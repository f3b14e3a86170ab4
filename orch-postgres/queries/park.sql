-- Purpose: parks operations whose rows cannot be decoded, so that they hold up nobody.
-- Parameters: $1 op_id array, $2 fence array (as it was read), $3 reason array.
-- Index: the primary key.
-- Shape: the fence goes up as by Fence::next with ClaimId::NONE, so that a worker that still holds one is stale; nothing else of the
--   row is believed.
UPDATE orch_queue q
SET status = 'IN_PROGRESS', phase = 'parked', fence = least((q.fence >> 39) + 1, 16777215) << 39, due_at = NULL,
    lease_expires_at = NULL, worker = NULL, started_at = NULL, reason = p.reason
FROM (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS p(op_id, fence, reason)
      ORDER BY op_id) p
WHERE q.op_id = p.op_id AND q.fence = p.fence
RETURNING q.op_id

-- Purpose: a page of operations in the order of their ids, whatever their status.
-- Parameters, NULL where it does not matter: $1 owner, $2 status, $3 phase, $4 domain,
--   $5 event_type, $6 the op_id to go on after; $7 limit.
-- Index: the primary key, in its order.
SELECT * FROM orch_status
WHERE ($1::text IS NULL OR owner = $1) AND ($2::text IS NULL OR status = $2)
  AND ($3::text IS NULL OR phase = $3) AND ($4::text IS NULL OR domain = $4)
  AND ($5::text IS NULL OR event_type = $5)
  AND op_id > coalesce($6::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY op_id
LIMIT $7

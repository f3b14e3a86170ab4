-- Purpose: a page of operations that have failed, in the order of their ids.
-- Parameters: those of list.sql.
-- Index: the primary key of the dead letters, in its order.
-- Shape: from the dead letters, since each failure has one; the completed ones are not
--   passed over. OFFSET 0 keeps the planner from beginning with all operations.
SELECT s.*
FROM orch_dead_letter e
CROSS JOIN LATERAL (SELECT * FROM orch_status o WHERE o.op_id = e.op_id OFFSET 0) s
WHERE ($1::text IS NULL OR s.owner = $1) AND ($2::text IS NULL OR s.status = $2)
  AND ($3::text IS NULL OR s.phase = $3)
  AND ($4::text IS NULL OR s.domain = $4) AND ($5::text IS NULL OR s.event_type = $5)
  AND e.op_id > coalesce($6::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY e.op_id
LIMIT $7

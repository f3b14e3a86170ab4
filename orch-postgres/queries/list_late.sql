-- Purpose: a page of operations with a late answer, in the order of their ids.
-- Parameters, NULL where it does not matter: $1 the op_id to go on after, $2 owner; $3 limit.
-- Index: orch_write_ahead_log_late_idx, then the primary key of the operation.
-- Shape: only late answers are in that index, so the page costs what it holds.
SELECT o.op_id, o.owner
FROM (SELECT DISTINCT op_id FROM orch_write_ahead_log
      WHERE late AND ($1::uuid IS NULL OR op_id > $1)) l
JOIN orch_operation o ON o.op_id = l.op_id
WHERE $2::text IS NULL OR o.owner = $2
ORDER BY o.op_id
LIMIT $3

-- Purpose: which of these operations have a late answer.
-- Parameters: $1 op_id array.
-- Index: orch_write_ahead_log_late_idx and the primary key of the operation, a search each per id.
SELECT o.op_id, o.owner
FROM unnest($1::uuid[]) AS asked(op_id)
JOIN orch_operation o ON o.op_id = asked.op_id
WHERE EXISTS (SELECT FROM orch_write_ahead_log l WHERE l.op_id = asked.op_id AND l.late)
ORDER BY o.op_id

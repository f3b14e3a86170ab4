-- Purpose: which of these operations have a late answer.
-- Parameters: ?1 JSON array of op_ids in hexadecimal.
-- Index: orch_operation_op_id_idx and orch_write_ahead_log_late_idx, a search each per id.
-- Shape: unordered; a sort here would be one in a table of its own.
SELECT o.op_id, o.owner
FROM json_each(?1) AS asked
CROSS JOIN orch_operation AS o ON o.op_id = unhex(asked.value)
WHERE EXISTS (SELECT 1 FROM orch_write_ahead_log AS late WHERE late.op_id = o.op_id AND late.late = 1)

-- Purpose: the dead letter of one operation of an owner.
-- Parameters: ?1 op_id, ?2 owner.
-- Index: orch_operation_op_id_idx, the primary key of orch_dead_letter.
-- Shape: the owner stands on the operation only.
SELECT d.op_id, d.failure, d.created_at, d.redriven_as, d.late_outcomes
FROM orch_operation AS o
CROSS JOIN orch_dead_letter AS d ON d.op_id = o.op_id
WHERE o.op_id = ?1 AND o.owner = ?2

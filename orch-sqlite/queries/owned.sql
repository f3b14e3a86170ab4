-- Purpose: whether an operation is this owner's, and what a redrive of it needs beside its row.
-- Parameters: ?1 op_id, ?2 owner.
-- Index: orch_operation_op_id_idx, the primary key of orch_dead_letter,
--   orch_write_ahead_log_late_idx.
SELECT d.redriven_as,
       EXISTS (SELECT 1 FROM orch_write_ahead_log AS l
               WHERE l.op_id = o.op_id AND l.late = 1
                 AND (l.outcome = 'OK' OR l.unreadable IS NOT NULL)) AS late_success
FROM orch_operation AS o
LEFT JOIN orch_dead_letter AS d ON d.op_id = o.op_id
WHERE o.op_id = ?1 AND o.owner = ?2

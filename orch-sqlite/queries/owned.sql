-- Purpose: whether an operation is this owner's, and what a redrive of it needs beside its row.
-- Parameters: ?1 op_id, ?2 owner.
-- Index: orch_operation_op_id_idx, the primary key of orch_dead_letter,
--   orch_write_ahead_log_late_idx, orch_operation_identity_idx.
SELECT d.redriven_as,
       (SELECT t.op_id FROM orch_operation AS t INDEXED BY orch_operation_identity_idx
        WHERE t.owner = o.owner AND t.domain = o.domain AND t.event_type = o.event_type
          AND t.biz_key = o.biz_key AND t.status <> 'FAILED'
          AND (o.is_unique = 1 OR t.is_unique = 1)
        LIMIT 1) AS taken_by,
       EXISTS (SELECT 1 FROM orch_write_ahead_log AS l
               WHERE l.op_id = o.op_id AND l.late = 1
                 AND (l.outcome IN ('OK', 'ALREADY_DONE', 'SUBMITTED') OR l.unreadable IS NOT NULL))
           AS late_success
FROM orch_operation AS o
LEFT JOIN orch_dead_letter AS d ON d.op_id = o.op_id
WHERE o.op_id = ?1 AND o.owner = ?2

-- Purpose: the operation that has not FAILED for the biz key of one that has, where either is to be the
--   only one for it.
-- Parameters: $1 op_id of the failed one.
-- Index: the primary keys; orch_operation_identity_idx, by the biz key.
SELECT o.op_id
FROM orch_operation f
JOIN orch_operation o ON o.biz_key = f.biz_key AND o.event_type = f.event_type
                     AND o.domain = f.domain AND o.owner = f.owner
WHERE f.op_id = $1 AND (f.is_unique OR o.is_unique)
  AND NOT EXISTS (SELECT FROM orch_dead_letter d WHERE d.op_id = o.op_id)
ORDER BY o.op_id
LIMIT 1

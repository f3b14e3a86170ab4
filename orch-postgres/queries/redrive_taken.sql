-- Purpose: the operation that has not FAILED for the biz key of one that has, where it is to be the only
--   one for it.
-- Parameters: $1 op_id of the failed one.
-- Index: the primary keys; orch_operation_identity_idx, by the biz key.
SELECT o.op_id
FROM orch_operation f
JOIN orch_unique u ON u.biz_key = f.biz_key AND u.event_type = f.event_type
                  AND u.domain = f.domain AND u.owner = f.owner
JOIN orch_operation o ON o.biz_key = f.biz_key AND o.event_type = f.event_type
                     AND o.domain = f.domain AND o.owner = f.owner
WHERE f.op_id = $1
  AND NOT EXISTS (SELECT FROM orch_dead_letter d WHERE d.op_id = o.op_id)
ORDER BY o.op_id
LIMIT 1

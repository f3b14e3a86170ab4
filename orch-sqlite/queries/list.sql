-- Purpose: a page of operations in the order of their ids.
-- Parameters: ?1 after which op_id, ?2 owner, ?3 status, ?4 phase, ?5 domain, ?6 event_type (each
--   NULL for any), ?7 limit.
-- Index: orch_operation_op_id_idx, in its order, from the cursor on.
-- Shape: keyset, no OFFSET, so the last page costs what the first does. Filters run on the way.
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.payload, o.status, o.phase,
       o.attempt, o.fence, o.retries, o.lost_attempts, o.accepted_at, o.deadline, o.due_at,
       o.lease_expires_at, o.finished_at, o.outcome, o.failure, o.reason, o.redrive_of, l.output
FROM orch_operation AS o INDEXED BY orch_operation_op_id_idx
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.outcome = 'OK'
WHERE o.op_id > coalesce(?1, x'')
  AND (?2 IS NULL OR o.owner = ?2)
  AND (?3 IS NULL OR o.status = ?3)
  AND (?4 IS NULL OR o.phase = ?4)
  AND (?5 IS NULL OR (o.domain = ?5 AND o.event_type = ?6))
ORDER BY o.op_id LIMIT ?7

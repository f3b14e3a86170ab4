-- Purpose: the operation with an identity; of a redriven one, the first.
-- Parameters: ?1 owner, ?2 domain, ?3 event_type, ?4 biz_key, ?5 idem_key.
-- Index: orch_operation_identity_idx; orch_write_ahead_log_claim_idx for the output.
-- Shape: as get.sql.
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.payload, o.status, o.phase,
       o.attempt, o.fence, o.retries, o.lost_attempts, o.accepted_at, o.deadline, o.due_at,
       o.lease_expires_at, o.finished_at, o.outcome, o.failure, o.reason, o.redrive_of, l.output
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.outcome = 'OK'
WHERE o.owner = ?1 AND o.domain = ?2 AND o.event_type = ?3 AND o.biz_key = ?4 AND o.idem_key = ?5
  AND o.redrive = 0

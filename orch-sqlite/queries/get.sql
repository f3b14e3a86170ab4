-- Purpose: one operation of an owner.
-- Parameters: ?1 op_id, ?2 owner.
-- Index: orch_operation_op_id_idx; orch_write_ahead_log_claim_idx for the output.
-- Shape: the output stands in the log only, so the settling entry is joined.
SELECT o.op_id, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key, o.payload, o.status, o.phase,
       o.attempt, o.fence, o.retries, o.lost_attempts, o.accepted_at, o.deadline, o.due_at,
       o.lease_expires_at, o.finished_at, o.outcome, o.failure, o.reason, o.redrive_of, l.output
FROM orch_operation AS o
LEFT JOIN orch_write_ahead_log AS l
    ON l.op_id = o.op_id AND l.fence = o.finished_fence AND l.late = 0 AND o.outcome = 'OK'
WHERE o.op_id = ?1 AND o.owner = ?2

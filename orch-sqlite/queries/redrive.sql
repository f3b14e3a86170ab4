-- Purpose: a new operation, made of a failed one and linked to it.
-- Parameters: ?1 the failed op_id, ?2 the new op_id, ?3 now, ?4 deadline.
-- Index: orch_operation_op_id_idx.
-- Shape: copied inside the database: the body does not travel. The same identity with the next
--   redrive number, so that the first operation keeps answering the client's key.
INSERT INTO orch_operation
    (op_id, owner, domain, event_type, biz_key, idem_key, redrive, fingerprint, accepted_at,
     time_budget_ms, deadline, payload, due_at, state, redrive_of)
SELECT ?2, owner, domain, event_type, biz_key, idem_key, redrive + 1, fingerprint, ?3,
       time_budget_ms, ?4, payload, ?3, 'PENDING', op_id
FROM orch_operation WHERE op_id = ?1 AND state = 'FAILED'

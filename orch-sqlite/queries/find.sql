-- Purpose: the operation with an identity; of a redriven one, the first.
-- Parameters: ?1 owner, ?2 domain, ?3 event_type, ?4 biz_key, ?5 idem_key.
-- Index: orch_operation_identity_idx; orch_write_ahead_log_claim_idx for the output.
SELECT * FROM orch_status
WHERE owner = ?1 AND domain = ?2 AND event_type = ?3 AND biz_key = ?4 AND idem_key = ?5
  AND redrive = 0

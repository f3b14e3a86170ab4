-- Purpose: due operations of one kind and of an earlier incarnation than the one since which histories
--   are whole, the oldest due first.
-- Parameters: ?1 domain, ?2 event_type, ?3 now, ?4 the incarnation since which histories are whole,
--   ?5 limit.
-- Index: orch_operation_claim_idx, as far into it as the limit. What it looks for gathers there at
--   the front, since claims pass it over.
SELECT op_id FROM (
    SELECT op_id, incarnation FROM orch_operation INDEXED BY orch_operation_claim_idx
    WHERE domain = ?1 AND event_type = ?2 AND due_at IS NOT NULL AND due_at <= ?3
    ORDER BY due_at LIMIT ?5)
WHERE incarnation < ?4

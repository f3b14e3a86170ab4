-- Purpose: what was told and is due to be looked at, the longest due first, each with its operation if that
--   is known and of the kind that it is meant for.
-- Parameters: now, limit.
-- Index: orch_answer_due_idx; the primary keys.
SELECT a.number, a.provider, a.account, a.reference, a.digest, a.domain, a.event_type, a.outcome,
       a.detail, a.output, a.source, a.received_at, a.has_waited, o.op_id
FROM orch_answer AS a
LEFT JOIN orch_reference AS r
    ON r.provider = a.provider AND r.account = a.account AND r.reference = a.reference
LEFT JOIN orch_operation AS o
    ON o.op_id = r.op_id AND o.domain = a.domain AND o.event_type = a.event_type
WHERE a.due_at <= ?1
ORDER BY a.due_at, a.number
LIMIT ?2

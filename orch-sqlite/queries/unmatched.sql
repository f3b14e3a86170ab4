-- Purpose: what was told and waits for an operation of its kind, in the order in which it came.
-- Parameters: the number behind which to begin, limit.
-- Index: the primary keys.
SELECT a.number, a.provider, a.account, a.reference, a.domain, a.event_type, a.source, a.received_at
FROM orch_answer AS a
LEFT JOIN orch_reference AS r
    ON r.provider = a.provider AND r.account = a.account AND r.reference = a.reference
LEFT JOIN orch_operation AS o
    ON o.op_id = r.op_id AND o.domain = a.domain AND o.event_type = a.event_type
WHERE a.number > ?1 AND +a.due_at IS NOT NULL AND o.op_id IS NULL
ORDER BY a.number
LIMIT ?2

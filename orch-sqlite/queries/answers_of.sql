-- Purpose: what was told about a reference and is not applied, as answers_due.sql, in any order.
-- Parameters: provider, account, reference, limit.
-- Index: the unique one of the reference; the primary keys.
-- Shape: the plus keeps the planner from taking all that are due.
SELECT a.number, a.provider, a.account, a.reference, a.digest, a.domain, a.event_type, a.outcome,
       a.detail, a.output, a.source, a.received_at, a.has_waited, o.op_id
FROM orch_answer AS a
LEFT JOIN orch_reference AS r
    ON r.provider = a.provider AND r.account = a.account AND r.reference = a.reference
LEFT JOIN orch_operation AS o
    ON o.op_id = r.op_id AND o.domain = a.domain AND o.event_type = a.event_type
WHERE a.provider = ?1 AND a.account = ?2 AND a.reference = ?3 AND +a.due_at IS NOT NULL
LIMIT ?4

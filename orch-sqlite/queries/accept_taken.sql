-- Purpose: the operation that has not FAILED for the biz key of a command.
-- Parameters, per row: op_id, owner, domain, event_type, biz_key, idem_key, fingerprint.
-- Index: orch_operation_identity_idx, a search per row.
SELECT v.column1 AS asked, min(o.op_id) AS op_id
FROM (VALUES /*row*/(?, ?, ?, ?, ?, ?, ?)/*row*/) AS v
CROSS JOIN orch_operation AS o INDEXED BY orch_operation_identity_idx
    ON o.owner = v.column2 AND o.domain = v.column3 AND o.event_type = v.column4
   AND o.biz_key = v.column5
WHERE o.status <> 'FAILED'
GROUP BY v.column1

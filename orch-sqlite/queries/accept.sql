-- Purpose: S1, operation and queue entry of many commands at once, PENDING and due at once.
-- Parameters: the kinds among them whose form is known, as a JSON array of [domain, event_type, number,
--   keys]; and per row: op_id, owner, domain, event_type, biz_key, idem_key, fingerprint,
--   now (accepted_at, due_at), time_budget_ms, deadline, payload, key_seed, is_unique. Unbound rows are
--   left out.
-- Index: the three unique ones decide what is new; what is not returned was there, or its biz key held.
-- Shape: one statement for 64 rows costs a third of 64 statements, since each is a hop to the
--   connection's thread. Where one kind's identity is stored in another form, nothing is inserted. Rows beyond the batch stay NULL, so a few sizes serve all batches.
WITH other AS (
    SELECT 1 FROM json_each(?) AS k
    LEFT JOIN orch_identity_form AS f ON f.domain = k.value ->> 0 AND f.event_type = k.value ->> 1
    WHERE f.number IS NOT k.value ->> 2 OR f.keys IS NOT k.value ->> 3
)
INSERT INTO orch_operation
    (op_id, owner, domain, event_type, biz_key, idem_key, fingerprint, accepted_at,
     time_budget_ms, deadline, payload, key_seed, is_unique, due_at, status,
     incarnation)
SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, column10,
       column11, column12, column13, column8, 'PENDING',
       (SELECT max(i.number) FROM orch_incarnation AS i WHERE i.confirmed_at IS NOT NULL)
FROM (VALUES /*row*/(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)/*row*/)
WHERE column1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM other)
ON CONFLICT DO NOTHING
RETURNING op_id

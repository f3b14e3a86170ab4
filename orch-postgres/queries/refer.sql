-- Purpose: which operation a reference is about, the latest.
-- Parameters: $1 provider, $2 account, $3 reference, $4 op_id.
-- Index: the primary keys.
INSERT INTO orch_reference AS r (provider, account, reference, op_id)
SELECT $1, $2, $3, op_id FROM orch_operation WHERE op_id = $4
ON CONFLICT (provider, account, reference) DO UPDATE SET op_id = EXCLUDED.op_id
RETURNING op_id

-- Purpose: one operation of an owner.
-- Parameters: $1 op_id, $2 owner.
-- Index: the primary keys.
-- Shape: another owner's operation is not found, as one that does not exist.
SELECT * FROM orch_status WHERE op_id = $1 AND owner = $2

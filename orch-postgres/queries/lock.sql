-- Purpose: keeps everybody else from moving an operation while its finalize hook runs.
-- Parameters: $1 op_id.
-- Index: the primary key.
SELECT op_id FROM orch_queue WHERE op_id = $1 FOR UPDATE

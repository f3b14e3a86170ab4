-- Purpose: links a dead letter to the operation that runs it anew.
-- Parameters: ?1 the failed op_id, ?2 the new op_id.
-- Index: the primary key.
-- Shape: guarded, so that an operation is redriven once.
UPDATE orch_dead_letter SET redriven_as = ?2 WHERE op_id = ?1 AND redriven_as IS NULL

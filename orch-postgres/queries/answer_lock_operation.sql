-- Purpose: the row of an operation for this transaction alone, unless somebody else has it.
-- Parameters: $1 op_id.
-- Index: the primary key.
-- Shape: SKIP LOCKED: an operation that somebody holds on to keeps no other message waiting. One that has ended
--   has no row, and needs no lock.
WITH locked AS MATERIALIZED (
    SELECT op_id FROM orch_queue WHERE op_id = $1 FOR UPDATE SKIP LOCKED
)
SELECT EXISTS (SELECT FROM locked) OR NOT EXISTS (SELECT FROM orch_queue WHERE op_id = $1) AS is_ours

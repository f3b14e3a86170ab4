-- Purpose: the dead letter of one operation of an owner.
-- Parameters: $1 op_id, $2 owner.
-- Index: the primary keys.
SELECT d.created_at, d.failure::text AS failure, d.redriven_as,
    d.late_outcomes::bigint AS late_outcomes
FROM orch_operation o
JOIN orch_dead_letter d ON d.op_id = o.op_id
WHERE o.op_id = $1 AND o.owner = $2

-- Purpose: removes terminal operations that expired.sql has found, with all that belongs to them.
-- Parameters: $1 op_id array.
-- Index: the primary keys, orch_write_ahead_log_one_outcome_idx, orch_reference_op_id_idx.
-- Shape: looked at again, since another session may have redriven one, or removed it and accepted its id
--   anew. SKIP LOCKED: two purges share the work.
WITH locked AS MATERIALIZED (
    SELECT o.op_id FROM unnest($1::uuid[]) AS p(op_id) JOIN orch_operation o ON o.op_id = p.op_id
    WHERE EXISTS (SELECT FROM orch_write_ahead_log l
                  WHERE l.op_id = o.op_id AND l.finished_at IS NOT NULL)
      AND NOT EXISTS (SELECT FROM orch_dead_letter d
                      JOIN orch_operation anew ON anew.op_id = d.redriven_as
                      WHERE d.op_id = o.op_id)
    FOR UPDATE OF o SKIP LOCKED
),
letters AS (
    DELETE FROM orch_dead_letter d USING locked l WHERE d.op_id = l.op_id
),
references_gone AS (
    DELETE FROM orch_reference r USING locked l WHERE r.op_id = l.op_id
),
entries AS (
    DELETE FROM orch_write_ahead_log w USING locked l WHERE w.op_id = l.op_id
)
DELETE FROM orch_operation o USING locked l WHERE o.op_id = l.op_id
RETURNING o.op_id

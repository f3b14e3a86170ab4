-- Purpose: the operations past their deadline that nobody works on.
-- Parameters: ?1 now, ?2 a JSON array of [domain, event_type], ?3 limit, ?4 the incarnation
--   since which histories are whole; those of an earlier one are in doubt first: sweep_earlier.sql.
-- Index: orch_operation_deadline_idx, in its order; its condition is repeated word by word, as
--   SQLite asks for. For what is submitted orch_operation_submitted_idx.
-- Shape: PENDING operations only of the kinds given (nobody else knows whether they have a
--   hook); the test on the kind runs inside the index. Whatever is found moves on, so the first part keeps the second
--   waiting for no longer than it takes.
SELECT op_id FROM (
    SELECT op_id FROM orch_operation INDEXED BY orch_operation_submitted_idx
    WHERE deadline <= ?1 AND due_at IS NOT NULL
      AND phase = 'submitted' AND in_doubt <> 'reconcile'
      AND incarnation >= ?4
    ORDER BY deadline LIMIT ?3)
UNION ALL
SELECT op_id FROM (
    SELECT op_id FROM orch_operation INDEXED BY orch_operation_deadline_idx
    WHERE deadline <= ?1
      AND due_at IS NOT NULL
      AND (status = 'PENDING' OR phase = 'waiting' OR (phase = 'in_doubt' AND in_doubt = 'retry'))
      AND (status <> 'PENDING' OR (domain, event_type) IN
           (SELECT value ->> 0, value ->> 1 FROM json_each(?2)))
      AND incarnation >= ?4
    ORDER BY deadline LIMIT ?3)
LIMIT ?3

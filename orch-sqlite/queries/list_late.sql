-- Purpose: a page of operations with a late answer, in the order of their ids.
-- Parameters: ?1 after which op_id, ?2 owner (each NULL for any), ?3 limit.
-- Index: orch_write_ahead_log_late_idx, in its order, from the cursor on.
-- Shape: only late answers are in that index, so the page costs what it holds. GROUP BY and not
--   DISTINCT: it walks the index and sorts nothing.
SELECT o.op_id, o.owner
FROM orch_write_ahead_log AS l INDEXED BY orch_write_ahead_log_late_idx
CROSS JOIN orch_operation AS o ON o.op_id = l.op_id
WHERE l.late = 1 AND l.op_id > coalesce(?1, x'') AND (?2 IS NULL OR o.owner = ?2)
GROUP BY l.op_id ORDER BY l.op_id LIMIT ?3

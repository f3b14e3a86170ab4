-- Purpose: a page of operations in the order of their ids.
-- Parameters: ?1 after which op_id, ?2 owner, ?3 status, ?4 phase, ?5 domain, ?6 event_type (each
--   NULL for any), ?7 limit.
-- Index: orch_operation_op_id_idx, in its order, from the cursor on; no other serves the filters,
--   since each may be NULL.
-- Shape: keyset, no OFFSET, so the last page costs what the first does. Filters run on the way.
SELECT * FROM orch_status
WHERE op_id > coalesce(?1, x'')
  AND (?2 IS NULL OR owner = ?2)
  AND (?3 IS NULL OR status = ?3)
  AND (?4 IS NULL OR phase = ?4)
  AND (?5 IS NULL OR (domain = ?5 AND event_type = ?6))
ORDER BY op_id LIMIT ?7

-- Purpose: terminal operations that have expired, the longest expired first: a page for purge.sql.
-- Parameters: ?1 now, ?2 the latest finished_at of what does not say when it expires, ?3 limit.
-- Index: orch_operation_purge_idx, in its order: a search for what says it, one for what does not.
-- Guard: a redriven operation stays as long as the new one is there, since it holds the key.
-- Shape: two searches joined by UNION ALL, since one with OR would not keep the index's order.
SELECT op_id, domain, event_type FROM (
    SELECT op_id, domain, event_type FROM orch_operation AS f INDEXED BY orch_operation_purge_idx
    WHERE finished_at IS NOT NULL AND expires_at <= ?1
      AND (status = 'COMPLETED' OR NOT EXISTS (
          SELECT 1 FROM orch_dead_letter AS d
          CROSS JOIN orch_operation AS r INDEXED BY orch_operation_op_id_idx
              ON r.op_id = d.redriven_as
          WHERE d.op_id = f.op_id))
    UNION ALL
    SELECT op_id, domain, event_type FROM orch_operation AS f INDEXED BY orch_operation_purge_idx
    WHERE expires_at IS NULL AND finished_at IS NOT NULL AND finished_at <= ?2
      AND (status = 'COMPLETED' OR NOT EXISTS (
          SELECT 1 FROM orch_dead_letter AS d
          CROSS JOIN orch_operation AS r INDEXED BY orch_operation_op_id_idx
              ON r.op_id = d.redriven_as
          WHERE d.op_id = f.op_id)))
LIMIT ?3

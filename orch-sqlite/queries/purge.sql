-- Purpose: removes terminal operations past their retention; the log and the dead letters go
--   with them by ON DELETE CASCADE.
-- Parameters: ?1 COMPLETED finished at or before, ?2 FAILED finished at or before, ?3 limit.
-- Index: orch_operation_purge_idx, a search per status.
-- Guard: a redriven operation stays as long as the new one is there, since it holds the key.
-- Shape: two searches joined by UNION ALL, since one with OR would not keep the index's order.
DELETE FROM orch_operation WHERE rowid IN (
    SELECT rowid FROM (
        SELECT rowid FROM orch_operation INDEXED BY orch_operation_purge_idx
        WHERE status = 'COMPLETED' AND finished_at IS NOT NULL AND finished_at <= ?1
        UNION ALL
        SELECT rowid FROM orch_operation AS f INDEXED BY orch_operation_purge_idx
        WHERE status = 'FAILED' AND finished_at IS NOT NULL AND finished_at <= ?2
          AND NOT EXISTS (
              SELECT 1 FROM orch_dead_letter AS d
              CROSS JOIN orch_operation AS r INDEXED BY orch_operation_op_id_idx
                  ON r.op_id = d.redriven_as
              WHERE d.op_id = f.op_id))
    LIMIT ?3)

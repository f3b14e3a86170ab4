-- Purpose: removes terminal operations past their retention; the log and the dead letters go
--   with them by ON DELETE CASCADE.
-- Parameters: ?1 COMPLETED finished at or before, ?2 FAILED finished at or before, ?3 limit.
-- Index: orch_operation_purge_idx, a search per state.
-- Shape: two searches joined by UNION ALL, since one with OR would not keep the index's order.
DELETE FROM orch_operation WHERE rowid IN (
    SELECT rowid FROM (
        SELECT rowid FROM orch_operation INDEXED BY orch_operation_purge_idx
        WHERE state = 'COMPLETED' AND finished_at IS NOT NULL AND finished_at <= ?1
        UNION ALL
        SELECT rowid FROM orch_operation INDEXED BY orch_operation_purge_idx
        WHERE state = 'FAILED' AND finished_at IS NOT NULL AND finished_at <= ?2)
    LIMIT ?3)

-- Purpose: removes operations that expired.sql has found in the same transaction; the log and the dead
--   letters go with them by ON DELETE CASCADE.
-- Parameters, per row: op_id.
-- Index: orch_operation_op_id_idx.
-- Shape: a row that stays unbound is NULL and removes nothing.
DELETE FROM orch_operation
WHERE op_id IN (SELECT column1 FROM (VALUES /*row*/(?)/*row*/) WHERE column1 IS NOT NULL)

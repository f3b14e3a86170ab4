-- Purpose: the dead letters of operations that have failed.
-- Parameters, per row: op_id, failure (JSON), created_at.
-- Index: the primary key.
-- Shape: as accept.sql.
INSERT INTO orch_dead_letter (op_id, failure, created_at)
SELECT * FROM (VALUES /*row*/(?, ?, ?)/*row*/)
WHERE column1 IS NOT NULL
ON CONFLICT (op_id) DO NOTHING

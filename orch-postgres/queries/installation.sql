-- Purpose: which tables of which database this session's search_path leads to, and how isolated its
--   transaction is.
-- Index: the catalogue's.
-- Shape: asked before each accept on a connection of the caller's; orch_here is found by the same path.
SELECT 'orch_operation'::regclass::oid::bigint AS operations, h.database, h.system_identifier,
       current_setting('transaction_isolation') IN ('repeatable read', 'serializable') AS is_strict
FROM orch_here() h

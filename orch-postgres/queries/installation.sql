-- Purpose: which tables of which database this session's search_path leads to.
-- Index: the catalogue's.
-- Shape: asked before each accept on a connection of the caller's; orch_here is found by the same path.
SELECT 'orch_operation'::regclass::oid::bigint AS operations, h.database, h.system_identifier
FROM orch_here() h

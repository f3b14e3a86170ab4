-- Purpose: keeps everybody else from moving an operation while its finalize hook runs.
-- Parameters: $1 op_id.
-- Index: the primary key.
-- Shape: with the server's process, so that a hook that overruns can be ended there too.
SELECT op_id, pg_backend_pid() AS server_process FROM orch_queue WHERE op_id = $1 FOR UPDATE

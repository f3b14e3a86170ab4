-- Purpose: what was told about a reference is looked at now that its operation is known. It came before
--   that, so it has waited.
-- Parameters: $1 now (NULL: the server's clock), $2 provider, $3 account, $4 reference.
-- Index: orch_answer_once_idx.
-- Shape: behind the commit of the reference, so that what was told before it is seen here, and what is told
--   after it sees the reference.
UPDATE orch_answer
SET due_at = least(due_at, coalesce($1::timestamptz, clock_timestamp())), has_waited = true
WHERE provider = $2 AND account = $3 AND reference = $4 AND due_at IS NOT NULL

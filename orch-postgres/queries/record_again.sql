-- Purpose: that something has not happened is said again, about a later call: it is looked at anew.
-- Parameters: $1 now (NULL: the server's clock), $2 provider, $3 account, $4 reference, $5 digest.
-- Index: orch_answer_once_idx.
UPDATE orch_answer
SET received_at = coalesce($1::timestamptz, clock_timestamp()),
    due_at = coalesce($1::timestamptz, clock_timestamp()), has_waited = false
WHERE provider = $2 AND account = $3 AND reference = $4 AND digest = $5
  AND due_at IS NULL AND outcome <> 'OK'
RETURNING number

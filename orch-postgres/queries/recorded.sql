-- Purpose: whether an answer is kept already.
-- Parameters: $1 provider, $2 account, $3 reference, $4 digest.
-- Index: orch_answer_once_idx.
SELECT number FROM orch_answer
WHERE provider = $1 AND account = $2 AND reference = $3 AND digest = $4

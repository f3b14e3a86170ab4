-- Purpose: removes what was told long ago, applied or not.
-- Parameters: the instant before which it was received, limit.
-- Index: orch_answer_received_idx.
DELETE FROM orch_answer
WHERE number IN (SELECT number FROM orch_answer WHERE received_at <= ?1 ORDER BY received_at LIMIT ?2)

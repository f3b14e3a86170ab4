-- Purpose: whether something that was told is due to be looked at.
-- Parameters: now.
-- Index: orch_answer_due_idx.
SELECT EXISTS (SELECT 1 FROM orch_answer WHERE due_at <= ?1) AS are_due

-- Purpose: whether an answer is known, and whether there is room for it.
-- Parameters: provider, account, reference, digest, the most that may wait.
-- Index: the unique one of the reference; the primary key of orch_reference; orch_answer_due_idx.
SELECT EXISTS (SELECT 1 FROM orch_answer
               WHERE provider = ?1 AND account = ?2 AND reference = ?3 AND digest = ?4) AS known,
       (SELECT count(*) FROM orch_answer
        WHERE provider = ?1 AND account = ?2 AND reference = ?3) AS about,
       EXISTS (SELECT 1 FROM orch_reference
               WHERE provider = ?1 AND account = ?2 AND reference = ?3) AS matched,
       (SELECT count(*) FROM (SELECT 1 FROM orch_answer WHERE due_at IS NOT NULL LIMIT ?5)) AS waiting

-- Purpose: when an answer is looked at again; never once it is applied.
-- Parameters: $1 number, $2 due_at.
-- Index: the primary key.
UPDATE orch_answer SET due_at = $2, has_waited = has_waited OR $2 IS NOT NULL WHERE number = $1

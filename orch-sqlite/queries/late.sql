-- Purpose: counts an answer that came after the end on the dead letter, where there is one.
-- Parameters: ?1 op_id.
-- Index: the primary key.
-- Shape: run only after append.sql has stored the late entry, so each answer counts once.
UPDATE orch_dead_letter SET late_outcomes = late_outcomes + 1 WHERE op_id = ?1

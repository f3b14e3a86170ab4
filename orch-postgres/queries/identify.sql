-- Purpose: the first form of a kind's identity, unless there is one.
-- Parameters: $1 kind, $2 number, $3 keys.
-- Index: the primary key decides which of two comes first.
INSERT INTO orch_identity_form (kind, number, keys) VALUES ($1, $2, $3)
ON CONFLICT (kind) DO NOTHING

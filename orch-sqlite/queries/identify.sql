-- Purpose: the form of a kind's identity, if it is the first or a later one.
-- Parameters: domain, event_type, number, keys.
-- Index: the primary key.
INSERT INTO orch_identity_form (domain, event_type, number, keys) VALUES (?, ?, ?, ?)
ON CONFLICT (domain, event_type) DO UPDATE SET number = excluded.number, keys = excluded.keys
    WHERE number < excluded.number

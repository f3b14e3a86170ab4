-- Purpose: the forms in which the identities of kinds are made.
-- Parameters: $1 array of the kinds; NULL for all.
-- Index: the primary key.
SELECT kind, number::bigint AS number, keys FROM orch_identity_form
WHERE $1::text[] IS NULL OR kind = ANY($1)
ORDER BY kind

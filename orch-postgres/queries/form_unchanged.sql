-- Purpose: refuses a transaction that looks through an older snapshot than the kind's form.
-- Parameters: $1 kind.
-- Index: the primary key.
-- Shape: only for an isolation stricter than READ COMMITTED. There a statement does not see that a form was
--   raised since the transaction began; the lock does, and fails.
SELECT FROM orch_identity_form WHERE kind = $1 FOR SHARE

-- Purpose: the forms in which the identities of kinds are made.
SELECT domain, event_type, number, keys FROM orch_identity_form ORDER BY domain, event_type

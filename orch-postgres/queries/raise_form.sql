-- Purpose: a later form of a kind's identity, behind all that is accepted in an earlier one: see 0010.
-- Parameters: $1 kind, $2 number, $3 keys.
SELECT orch_raise_identity_form($1, $2, $3)

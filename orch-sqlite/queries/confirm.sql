-- Purpose: keeps what an operator says of an incarnation.
-- Parameters: ?1 number, ?2 now, ?3 confirmed_as, ?4 note, ?5 true if nothing is missing.
-- Index: the primary key.
UPDATE orch_incarnation
SET confirmed_at = ?2, confirmed_as = ?3, note = ?4,
    whole_since = CASE WHEN ?5 THEN (SELECT b.whole_since FROM orch_incarnation AS b
                                     WHERE b.number < ?1
                                     ORDER BY b.number DESC LIMIT 1)
                       ELSE whole_since END
WHERE number = ?1

-- Purpose: keeps what an operator says of the newest incarnation, or of a change that was not noticed.
-- Parameters: $1 now (NULL: the server's clock), $2 the number that the operator has seen, $3 true if
--   it was confirmed: then this opens the next one; $4 confirmed_as, $5 true if nothing is missing,
--   $6 note, $7 a new namespace of provider keys (NULL: none), $8 opened_at of what was seen.
-- Index: the primary key.
-- Shape: returns nothing where the newest is not as it was seen.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
newest AS MATERIALIZED (
    SELECT * FROM orch_incarnation ORDER BY number DESC LIMIT 1 FOR UPDATE
),
confirmed AS (
    UPDATE orch_incarnation i
    SET confirmed_at = c.now, confirmed_as = $4, note = $6,
        whole_since = CASE WHEN $5 THEN (SELECT b.whole_since FROM orch_incarnation b
                                         WHERE b.number < i.number
                                         ORDER BY b.number DESC LIMIT 1)
                           ELSE i.whole_since END
    FROM newest n, clock c
    WHERE NOT $3 AND i.number = n.number AND n.number = $2 AND n.opened_at = $8
      AND n.confirmed_at IS NULL
    RETURNING i.number
),
reported AS (
    INSERT INTO orch_incarnation (number, whole_since, opened_at, confirmed_at, confirmed_as, note,
                                  difference, system_identifier, timeline, database)
    SELECT n.number + 1, CASE WHEN $5 THEN n.whole_since ELSE n.number + 1 END, c.now, c.now, $4, $6,
           'reported by an operator', coalesce(h.system_identifier, n.system_identifier),
           coalesce(h.timeline, n.timeline), coalesce(h.database, n.database)
    FROM newest n, clock c, orch_here() h
    WHERE $3 AND n.number = $2 AND n.opened_at = $8
      AND n.confirmed_at IS NOT NULL
    ON CONFLICT (number) DO NOTHING
    RETURNING number
),
kept AS (SELECT number FROM confirmed UNION ALL SELECT number FROM reported),
namespace AS (
    INSERT INTO orch_key_namespace (created_at, secret)
    SELECT c.now, $7 FROM clock c WHERE $7::bytea IS NOT NULL AND EXISTS (SELECT FROM kept)
)
SELECT number FROM kept

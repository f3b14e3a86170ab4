-- Purpose: the newest incarnation, after a look whether this is still the database that it was; one
--   that is not gets a new incarnation, unconfirmed.
-- Parameters: $1 now (NULL: the server's clock), $2 the number that the process knows and $3 the
--   furthest WAL position that it has seen under it (NULL: it knows none), $4 true to go on after a
--   fail-over to another timeline of the same database, $5 the WAL position that a synchronous standby
--   must have by what the process knows (NULL: it knows none).
-- Index: the primary key, from its end.
-- Shape: `same` is false if another session came first; then the same call again sees its row.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
here AS MATERIALIZED (SELECT * FROM orch_here()),
newest AS MATERIALIZED (SELECT * FROM orch_incarnation ORDER BY number DESC LIMIT 1),
-- As the server writes a position; before 14 it could not add to one.
position AS MATERIALIZED (
    SELECT format('%s/%s', upper(to_hex(h.wal_position >> 32)),
                  upper(to_hex(h.wal_position & 4294967295))) AS found,
           format('%s/%s', upper(to_hex($3::bigint >> 32)),
                  upper(to_hex($3::bigint & 4294967295))) AS known
    FROM here h
),
looked AS MATERIALIZED (
    SELECT n.*, concat_ws('; ',
        CASE WHEN n.system_identifier <> h.system_identifier
             THEN format('system identifier %s, was %s', h.system_identifier, n.system_identifier)
             END,
        CASE WHEN n.database <> h.database
             THEN format('database %s, was %s', h.database, n.database) END,
        CASE WHEN n.timeline <> h.timeline
             THEN format('timeline %s, was %s', h.timeline, n.timeline) END,
        CASE WHEN n.number < $2 THEN format('incarnation %s, was %s', n.number, $2) END,
        CASE WHEN n.number = $2 AND h.wal_position < $3::bigint
             THEN format('WAL position %s, was %s', p.found, p.known) END) AS found,
        $4 AND n.confirmed_at IS NOT NULL AND n.system_identifier = h.system_identifier
           AND n.database = h.database AND n.timeline < h.timeline AND n.number >= $2
           AND coalesce(n.number > $2 OR h.wal_position >= $5::bigint, true) AS goes_on
    FROM newest n, here h, position p
),
opened AS (
    INSERT INTO orch_incarnation (number, whole_since, opened_at, confirmed_at, confirmed_as, note,
                                  difference, system_identifier, timeline, database)
    SELECT greatest(l.number, $2) + 1,
           CASE WHEN l.goes_on THEN l.whole_since ELSE greatest(l.number, $2) + 1 END, c.now,
           CASE WHEN l.goes_on THEN c.now END, CASE WHEN l.goes_on THEN 'moved' END,
           CASE WHEN l.goes_on THEN 'orch_on_failover=continue' END,
           l.found, h.system_identifier, h.timeline, h.database
    FROM looked l, here h, clock c
    WHERE l.found <> ''
    UNION ALL
    SELECT 1, 1, c.now, c.now, NULL, NULL, '', h.system_identifier, h.timeline, h.database
    FROM here h, clock c
    WHERE NOT EXISTS (SELECT FROM newest)
    ON CONFLICT (number) DO NOTHING
    RETURNING *
),
current AS (
    SELECT o.*, true AS same FROM opened o
    UNION ALL
    SELECT n.*, l.found = '' FROM newest n, looked l
)
SELECT s.number::bigint, s.whole_since::bigint, s.opened_at, s.confirmed_at, s.confirmed_as,
       s.difference, s.same, h.wal_position
FROM current s, here h
ORDER BY s.number DESC
LIMIT 1

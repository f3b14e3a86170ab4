-- Purpose: due operations of an earlier incarnation than the one since which histories are whole.
-- Parameters: $1 now (NULL: the server's clock), $2 limit; then an array per field of the kinds:
--   $3 kind, $4 true if its effect may be repeated; the others wait for a confirmation.
-- Index: orch_queue_claim_idx, as far into it as the limit for each kind. What it looks for gathers
--   there at the front, since claims pass it over.
-- Shape: only reads; save.sql moves what is still as it was read.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
newest AS MATERIALIZED (SELECT * FROM orch_incarnation ORDER BY number DESC LIMIT 1),
earlier AS MATERIALIZED (
    SELECT found.op_id
    FROM newest n, unnest($3::text[], $4::bool[]) AS k(kind, repeatable),
    LATERAL (
        SELECT q.op_id, q.incarnation FROM orch_queue q
        WHERE q.kind = k.kind AND q.due_at IS NOT NULL AND q.due_at <= (SELECT now FROM clock)
        ORDER BY q.due_at
        LIMIT $2
    ) found
    WHERE found.incarnation < n.whole_since AND (n.confirmed_at IS NOT NULL OR k.repeatable)
    LIMIT $2
)
SELECT c.now, n.whole_since::bigint AS whole_since,
       coalesce(s.incarnation < (SELECT max(number) FROM orch_incarnation
                                 WHERE confirmed_as = 'copied'), false) AS copied, s.*
FROM earlier e CROSS JOIN clock c CROSS JOIN newest n JOIN orch_status s ON s.op_id = e.op_id

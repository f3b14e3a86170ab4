-- Purpose: S2, leases due operations to a worker.
-- Parameters: $1 now (NULL: the server's clock), $2 limit, $3 worker, $4 lease_ms; then an array
--   per field of the kinds' policies, in the order in which to look: $5 kind, $6 max_attempts,
--   $7 backoff_base_ms, $8 backoff_cap_ms, $9 in_doubt, $10 max_reconciles,
--   $11 hooked, $12 replays_errors; then $13, the id of the claim, $14 the incarnation that the
--   process knows, $15 the furthest WAL position seen under it (NULL: none); two more of the
--   policies: $16 completed_retention_s, $17 failed_retention_s; $18 array of the op_ids that the server
--   has refused to lease lately, which are passed over; one more of the policies: $19 max_uncounted.
-- Index: orch_queue_claim_idx, walked in its order for each kind until the limit is reached.
-- Shape: `asks` is orch_core::machine::Purpose::of, the fence is orch_core::words::Fence::next. One
--   walk per kind; one ORDER BY over all kinds would sort the backlog. SKIP LOCKED shares the
--   queue. The locked rows are found again by ctid, which spares a search each; one that changed
--   between the snapshot and the lock is not found, and waits for the next claim. What is joined to the
--   update is copied whole for each row, so that is a place and the number of a kind. The first row is
--   about the database, in the columns of a claim: fence is the WAL position, attempt the number,
--   reconciles whole_since, asks same. The check has to be in this statement, since a proxy can
--   change the server before any other one. While an incarnation is unconfirmed no operation is
--   accepted under it, so this claims what a sweep has put in doubt, and nothing else.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
here AS MATERIALIZED (
    SELECT i.number, i.whole_since, h.wal_position,
           coalesce(i.system_identifier = h.system_identifier, true)
               AND coalesce(i.timeline = h.timeline, true)
               AND coalesce(i.database = h.database, true)
               AND coalesce(i.number > $14 OR i.number = $14 AND h.wal_position >= $15, true)
               AS same
    FROM orch_here() h, orch_incarnation i
    ORDER BY i.number DESC
    LIMIT 1
),
due AS MATERIALIZED (
    SELECT found.place, k.n::int AS n, found.asks
    FROM here h,
    unnest($5::text[], $9::text[]) WITH ORDINALITY AS k(kind, in_doubt, n),
    LATERAL (
        SELECT q.ctid AS place,
               q.first_called_at IS NOT NULL AND 'reconcile' IN (k.in_doubt, q.in_doubt) AS asks
        FROM orch_queue q
        WHERE q.kind = k.kind AND q.due_at IS NOT NULL AND q.due_at <= (SELECT now FROM clock)
          AND (q.deadline > (SELECT now FROM clock)
               OR q.first_called_at IS NOT NULL AND 'reconcile' IN (k.in_doubt, q.in_doubt))
          AND q.incarnation >= h.whole_since
          AND q.op_id <> ALL($18::uuid[])
        ORDER BY q.due_at
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    ) found
    WHERE h.same
    LIMIT $2
),
claimed AS (
    UPDATE orch_queue q
    SET status = 'IN_PROGRESS',
        phase = CASE WHEN NOT d.asks THEN 'running'
                     WHEN q.phase = 'submitted' THEN 'submitted' ELSE 'in_doubt' END,
        attempt = q.attempt + (NOT d.asks)::int,
        reconciles = q.reconciles + d.asks::int,
        fence = least((q.fence >> 39) + 1, 16777215) << 39 | $13,
        due_at = NULL,
        started_at = (SELECT now FROM clock),
        lease_expires_at = (SELECT now FROM clock) + $4 * interval '1 millisecond',
        worker = $3,
        max_attempts = ($6::int[])[d.n],
        max_uncounted = ($19::int[])[d.n],
        backoff_base_ms = ($7::int[])[d.n],
        backoff_cap_ms = ($8::int[])[d.n],
        in_doubt = CASE WHEN d.asks THEN 'reconcile' ELSE ($9::text[])[d.n] END,
        max_reconciles = ($10::int[])[d.n],
        hooked = ($11::bool[])[d.n] OR q.hooked AND q.first_called_at IS NOT NULL,
        replays_errors = ($12::bool[])[d.n],
        completed_retention_s = ($16::int[])[d.n],
        failed_retention_s = ($17::int[])[d.n]
    FROM due d
    WHERE q.ctid = d.place
    RETURNING q.op_id, q.fence, q.attempt, q.reconciles, q.deadline, d.asks, q.key_generation,
              q.started_at, q.first_called_at, q.hooked, q.uncounted
)
SELECT NULL::uuid AS op_id, h.wal_position AS fence, h.number AS attempt,
       h.whole_since AS reconciles, NULL::timestamptz AS deadline, h.same AS asks,
       NULL::int AS key_generation, NULL::timestamptz AS started_at,
       NULL::timestamptz AS first_called_at, NULL::text AS owner, NULL::text AS domain,
       NULL::text AS event_type, NULL::text AS biz_key, NULL::text AS idem_key,
       NULL::timestamptz AS accepted_at, NULL::bytea AS payload, NULL::int AS redrive,
       NULL::bytea AS key_seed, NULL::bool AS hooked, NULL::int AS uncounted
FROM here h
UNION ALL
SELECT c.op_id, c.fence, c.attempt, c.reconciles, c.deadline, c.asks, c.key_generation,
       c.started_at, c.first_called_at, o.owner, o.domain, o.event_type, o.biz_key, o.idem_key,
       o.accepted_at, o.payload, o.redrive, o.key_seed, c.hooked,
       c.uncounted
FROM claimed c
LEFT JOIN orch_operation o ON o.op_id = c.op_id

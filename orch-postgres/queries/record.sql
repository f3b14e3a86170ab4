-- Purpose: keeps what a provider has told, once, if there is room for it.
-- Parameters: $1 now (NULL: the server's clock), $2 provider, $3 account, $4 reference, $5 digest, $6 domain,
--   $7 event_type, $8 outcome, $9 detail, $10 output, $11 source, $12 the most about one reference, $13 the
--   most that may wait for an operation.
-- Index: orch_answer_once_idx; orch_answer_due_idx only where no operation is known for the reference.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now)
INSERT INTO orch_answer (received_at, due_at, provider, account, reference, digest, domain, event_type,
                         outcome, detail, output, source)
SELECT c.now, c.now, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
FROM clock c
WHERE (SELECT count(*) FROM orch_answer a
       WHERE a.provider = $2 AND a.account = $3 AND a.reference = $4) < $12::bigint
  AND CASE WHEN EXISTS (SELECT FROM orch_reference r
                        WHERE r.provider = $2 AND r.account = $3 AND r.reference = $4)
           THEN true
           ELSE (SELECT count(*) FROM (SELECT FROM orch_answer a WHERE a.due_at IS NOT NULL
                                       LIMIT $13) w) < $13::bigint END
ON CONFLICT (provider, account, reference, digest) DO NOTHING
RETURNING number

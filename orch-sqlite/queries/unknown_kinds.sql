-- Purpose: the kinds that have due operations but are not among those given, with how many.
-- Parameters: ?1 now, ?2 a JSON array of [domain, event_type], ?3 the most to count of a kind.
-- Index: orch_operation_claim_idx: one search per kind that has work, then a bounded count.
-- Shape: walks from kind to kind; GROUP BY would read the whole backlog.
WITH RECURSIVE kind (domain, event_type) AS (
    SELECT * FROM (
        SELECT domain, event_type FROM orch_operation INDEXED BY orch_operation_claim_idx
        WHERE due_at IS NOT NULL AND (domain, event_type) > ('', '')
        ORDER BY domain, event_type LIMIT 1)
    UNION ALL
    SELECT (SELECT o.domain FROM orch_operation AS o INDEXED BY orch_operation_claim_idx
            WHERE o.due_at IS NOT NULL AND (o.domain, o.event_type) > (kind.domain, kind.event_type)
            ORDER BY o.domain, o.event_type LIMIT 1),
           (SELECT o.event_type FROM orch_operation AS o INDEXED BY orch_operation_claim_idx
            WHERE o.due_at IS NOT NULL AND (o.domain, o.event_type) > (kind.domain, kind.event_type)
            ORDER BY o.domain, o.event_type LIMIT 1)
    FROM kind WHERE kind.domain IS NOT NULL
)
SELECT domain, event_type, due FROM (
    SELECT kind.domain, kind.event_type,
           (SELECT count(*) FROM (
                SELECT 1 FROM orch_operation AS o INDEXED BY orch_operation_claim_idx
                WHERE o.domain = kind.domain AND o.event_type = kind.event_type
                  AND o.due_at IS NOT NULL AND o.due_at <= ?1 LIMIT ?3)) AS due
    FROM kind
    WHERE kind.domain IS NOT NULL
      AND (kind.domain, kind.event_type) NOT IN
          (SELECT value ->> 0, value ->> 1 FROM json_each(?2)))
WHERE due > 0

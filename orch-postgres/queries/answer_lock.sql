-- Purpose: one answer that is not applied, for this transaction alone, with its operation if that is known
--   and of the kind that it is meant for.
-- Parameters: $1 now (NULL: the server's clock), $2 number.
-- Index: the primary keys.
-- Shape: SKIP LOCKED: of two that apply it, one does. It is locked before the operation's row, by everybody.
SELECT a.number, a.provider, a.account, a.reference, a.digest, a.domain, a.event_type, a.outcome,
       a.detail, a.output, a.source, a.received_at, a.has_waited, o.op_id,
       coalesce($1::timestamptz, clock_timestamp()) AS now,
       (SELECT i.whole_since::bigint FROM orch_incarnation i ORDER BY i.number DESC LIMIT 1)
           AS whole_since
FROM orch_answer a
LEFT JOIN orch_reference r
    ON r.provider = a.provider AND r.account = a.account AND r.reference = a.reference
LEFT JOIN orch_operation o
    ON o.op_id = r.op_id AND o.domain = a.domain AND o.event_type = a.event_type
WHERE a.number = $2 AND a.due_at IS NOT NULL
FOR UPDATE OF a SKIP LOCKED

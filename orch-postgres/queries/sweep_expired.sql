-- Purpose: the operations whose lease has expired, the longest expired first.
-- Parameters: $1 now (NULL: the server's clock), $2 limit.
-- Index: orch_queue_lease_idx, in its order.
-- Shape: only reads; save.sql moves what is still as it was read. Every row found is moved or
--   parked, so a page never fills with rows that stay.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now),
expired AS MATERIALIZED (
    SELECT q.op_id FROM orch_queue q
    WHERE q.lease_expires_at IS NOT NULL AND q.lease_expires_at <= (SELECT now FROM clock)
    ORDER BY q.lease_expires_at
    LIMIT $2
)
SELECT c.now, s.*
FROM expired e CROSS JOIN clock c JOIN orch_status s ON s.op_id = e.op_id

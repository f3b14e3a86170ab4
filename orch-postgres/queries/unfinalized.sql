-- Purpose: logged ends that are due to be finalized, the longest due first.
-- Parameters: $1 now (NULL: the server's clock), $2 array of the kinds with a hook here, $3 limit,
--   $4 after how many milliseconds one whose hook nobody has is to be parked.
-- Index: orch_write_ahead_log_pending_idx, in its order.
-- Shape: a hooked operation of another kind is passed over: its worker will come. If none has come for
--   long it is found once more, to be parked.
WITH clock AS MATERIALIZED (SELECT coalesce($1::timestamptz, clock_timestamp()) AS now)
SELECT l.op_id, l.fence, q.kind
FROM orch_write_ahead_log l
JOIN orch_queue q ON q.op_id = l.op_id AND q.fence = l.fence
WHERE l.finalize_due_at IS NOT NULL AND l.finalize_due_at <= (SELECT now FROM clock)
  AND (NOT q.hooked OR q.kind = ANY($2::text[])
       OR q.phase <> 'parked'
          AND l.finalize_due_at <= (SELECT now FROM clock) - $4::bigint * interval '1 millisecond')
ORDER BY l.finalize_due_at
LIMIT $3

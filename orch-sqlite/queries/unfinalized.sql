-- Purpose: logged outcomes that are due to be finalized and that this worker can finalize.
-- Parameters: ?1 now, ?2 a JSON array of [domain, event_type], ?3 limit,
--   ?4 the instant since which one whose hook nobody has is not yet to be parked.
-- Index: orch_write_ahead_log_pending_idx, in its order.
-- Shape: what this worker cannot finalize is passed over before the limit counts, unless nobody has
--   finalized it for long: it is found once more, to be parked.
SELECT l.op_id, l.fence, o.domain, o.event_type
FROM orch_write_ahead_log AS l INDEXED BY orch_write_ahead_log_pending_idx
CROSS JOIN orch_operation AS o ON o.op_id = l.op_id AND o.fence = l.fence
WHERE l.status = 'PENDING' AND l.finalize_due_at <= ?1
  AND (o.hooked = 0 OR (o.domain, o.event_type) IN
       (SELECT value ->> 0, value ->> 1 FROM json_each(?2))
       OR o.phase <> 'parked' AND l.finalize_due_at <= ?4)
ORDER BY l.finalize_due_at LIMIT ?3

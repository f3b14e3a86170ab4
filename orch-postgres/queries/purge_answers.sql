-- Purpose: removes what was told long ago, applied or not.
-- Parameters: $1 now (NULL: the server's clock), $2 for how many seconds it is kept, $3 limit.
-- Index: orch_answer_received_idx.
-- Shape: SKIP LOCKED: two purges share the work.
DELETE FROM orch_answer WHERE number IN (
    SELECT number FROM orch_answer
    WHERE received_at <= coalesce($1::timestamptz, clock_timestamp()) - $2::int * interval '1 second'
    ORDER BY received_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)

-- What a result leaves behind that cannot be read back: as much of it as could be written, for a
-- person. Its entry is IN_DOUBT.

SET LOCAL lock_timeout = '2s';

ALTER TABLE orch_write_ahead_log ADD COLUMN unreadable bytea
    CONSTRAINT unreadable_is_in_doubt CHECK (unreadable IS NULL OR outcome = 'IN_DOUBT');

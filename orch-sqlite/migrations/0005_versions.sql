-- What a result leaves behind that cannot be read back: as much of it as could be written, for a
-- person. Its entry is IN_DOUBT.

ALTER TABLE orch_write_ahead_log ADD COLUMN unreadable BLOB
    CONSTRAINT unreadable_is_in_doubt CHECK (unreadable IS NULL OR outcome = 'IN_DOUBT');

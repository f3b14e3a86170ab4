-- Purpose: a new incarnation.
-- Parameters: ?1 number, ?2 whole_since, ?3 opened_at, ?4 confirmed_at, ?5 difference, ?6 inode,
--   ?7 born_at.
INSERT INTO orch_incarnation (number, whole_since, opened_at, confirmed_at, difference, inode, born_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)

ALTER TABLE task ADD COLUMN clock time;

COMMENT ON COLUMN task.clock IS 'the local time that was agreed, as for a call back; NULL: any time of the day';

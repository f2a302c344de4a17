ALTER TABLE task ADD COLUMN due_at TIMESTAMP WITH TIME ZONE;

COMMENT ON COLUMN task.due_at IS 'when `due_on` begins where the account lives; a stepped clock knows dates alone';

UPDATE task SET due_at = due_on::timestamp AT TIME ZONE 'UTC';

ALTER TABLE task ALTER COLUMN due_at SET DEFAULT now();

ALTER TABLE task ALTER COLUMN due_at SET NOT NULL;

ALTER TABLE message ADD COLUMN tried_from TIMESTAMP WITH TIME ZONE;

COMMENT ON COLUMN message.tried_from IS 'when it was first tried, and is to be tried again';

UPDATE message SET tried_from = queued_at WHERE status = 'queued' AND attempts > 0;

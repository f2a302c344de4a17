ALTER TABLE task ADD COLUMN due_at TIMESTAMP WITH TIME ZONE;

COMMENT ON COLUMN task.due_at IS 'when `due_on` begins where the account lives; a stepped clock knows dates alone';

UPDATE task SET due_at = due_on::timestamp AT TIME ZONE 'UTC';

ALTER TABLE task ALTER COLUMN due_at SET DEFAULT now();

ALTER TABLE task ALTER COLUMN due_at SET NOT NULL;

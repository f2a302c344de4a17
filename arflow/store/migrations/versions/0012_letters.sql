DROP INDEX ix_message_unsettled;

CREATE INDEX ix_message_unsettled ON message (not_before, id) WHERE settled_at IS NULL;

DROP INDEX ix_message_failed;

CREATE INDEX ix_message_failed ON message (settled_at, id) WHERE status = 'failed';

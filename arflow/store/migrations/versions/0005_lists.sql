CREATE INDEX ix_account_call_open ON account (id) WHERE call_open;

CREATE INDEX ix_task_assignee ON task (assignee) WHERE done_at IS NULL;

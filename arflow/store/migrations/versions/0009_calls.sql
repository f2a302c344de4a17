ALTER TABLE account ADD COLUMN call_queue TEXT;

COMMENT ON COLUMN account.call_queue IS 'the queue on which its open call is';

UPDATE account SET call_queue = (
    SELECT effect.name FROM effect
    WHERE effect.account_id = account.id AND kind = 'call' AND status = 'sent' AND effect.stay = account.stay
    ORDER BY number DESC LIMIT 1
) WHERE call_open;

ALTER TABLE account ADD CONSTRAINT ck_account_call_queue CHECK (call_open OR call_queue IS NULL);

CREATE INDEX ix_account_call_queue ON account (call_queue) WHERE call_queue IS NOT NULL;

DROP INDEX ix_account_call_open;

DROP INDEX ix_effect_call;

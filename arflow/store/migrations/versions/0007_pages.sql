CREATE INDEX ix_effect_call ON effect (name, account_id) WHERE kind = 'call' AND status = 'sent';

CREATE INDEX ix_invoice_number ON invoice (lower(id) text_pattern_ops);

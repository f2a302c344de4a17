CREATE FUNCTION arflow_refuse_all_but_archiving() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    archived JSONB := '{"archived": true}';
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.details ? 'facts' AND NEW.details = (OLD.details - '{facts,situation}'::text[]) || archived THEN
        OLD.details := NEW.details;
        IF OLD IS NOT DISTINCT FROM NEW THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only';
END
$$;

DROP TRIGGER journal_append_only ON journal;

CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION arflow_refuse_all_but_archiving();

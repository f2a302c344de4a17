CREATE TABLE pipeline_sweep (
    one BOOLEAN DEFAULT true NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    upto DATE NOT NULL,
    activation BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_pipeline_sweep PRIMARY KEY (one),
    CONSTRAINT ck_pipeline_sweep_one CHECK (one)
);

COMMENT ON TABLE pipeline_sweep IS 'When a large company was last gone through for its past days; nothing relies on it but their pages.';

COMMENT ON COLUMN pipeline_sweep.at IS 'what was recorded until then is in it, of the real clock';

COMMENT ON COLUMN pipeline_sweep.upto IS 'the last day of which it tells';

COMMENT ON COLUMN pipeline_sweep.activation IS 'the policies by which promises were judged';

COMMENT ON COLUMN pipeline_sweep.seconds IS 'how long it took';

CREATE TABLE pipeline_change (
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    "on" DATE NOT NULL,
    accounts BIGINT NOT NULL,
    open_amount BIGINT NOT NULL,
    gross BIGINT NOT NULL,
    disputed BIGINT NOT NULL,
    promised BIGINT NOT NULL,
    CONSTRAINT pk_pipeline_change PRIMARY KEY (currency, state, "on"),
    CONSTRAINT ck_pipeline_change_state CHECK (state IN ('called', 'current', 'disputed', 'escalated', 'promised', 'reminded', 'resolved'))
);

COMMENT ON TABLE pipeline_change IS 'By how much each state had more at the end of a day than the day before; replaced as a whole.';

-- What became of alerts, written by their evaluation: one row a change of a series, and without labels one of the alert itself. It is the memory
-- of alerts over a restart, so nobody else can write or change it. driftline.alert_history reads it without the rows of state 'evaluated'.
-- time: of the evaluation; sequence: the order of writing, also where a clock went back. labels, annotations: JSON objects.
-- state: of a series inactive, pending or firing; of the alert ok, error, missed (evaluations that were left out), evaluated (nothing changed),
-- clock (it went back) or dropped.
CREATE TABLE alert_log (
    time TIMESTAMP NOT NULL,
    sequence BIGINT NOT NULL,
    alert TEXT NOT NULL,
    labels TEXT,
    state TEXT NOT NULL,
    value DOUBLE,
    active_at TIMESTAMP,
    fired_at TIMESTAMP,
    resolved_at TIMESTAMP,
    keep_firing_since TIMESTAMP,
    annotations TEXT,
    message TEXT
) WITH (sort = 'alert, time', partition = 'month');

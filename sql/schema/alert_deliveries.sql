-- How far receivers of webhooks have been told: a row says that a receiver has heard of every change in alert_log up to `sequence`.
CREATE TABLE alert_deliveries (
    time TIMESTAMP NOT NULL,
    receiver TEXT NOT NULL,
    sequence BIGINT NOT NULL
) WITH (sort = 'receiver, time', partition = 'month');

-- One row a value that is too large for its row: attributes of spans, span events and log records over 4 KiB, such as prompts. The row itself keeps
-- an entry {"$payload": {"bytes": ..., "preview": "..."}} under the same key, so that no scan of spans reads prompts.
-- A text that is word for word in the messages of its row is kept with them alone: its entry has "in": "gen_ai.input.messages", the key to look for;
-- an explanation of an evaluation has "in": "evaluations", the view to look in.
-- signal: traces or logs; event_index: the place of the span's event that has the attribute, from 0, NULL for the span's or record's own.
-- value: text as it was sent; any other value is JSON. bytes is its length.
CREATE TABLE payloads (
    time TIMESTAMP NOT NULL,
    signal TEXT,
    service_name TEXT,
    trace_id TEXT,
    span_id TEXT,
    event_index BIGINT,
    key TEXT,
    value TEXT,
    bytes BIGINT
) WITH (sort = 'service_name, time', bloom = 'trace_id, span_id');

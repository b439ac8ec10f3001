-- One row a price of a model, in US dollars for a million tokens. It holds from `time` on, until a later row of the same provider and model;
-- one with no price at all withdraws it. provider: as in spans.gen_ai_provider_name, NULL for any; model: `%` stands for any text.
-- Rows of one provider, model and time are one price: who changes one tier writes them all.
-- Calls with more than input_tokens_above input tokens have a price of their own (NULL: all calls). A part of the tokens without a price of
-- its own (cache_read_price, cache_write_price, reasoning_price) costs as the whole. Which row counts for a call: llm_cost() in docs/functions.md.
CREATE TABLE prices (
    time TIMESTAMP NOT NULL,
    provider TEXT,
    model TEXT,
    input_tokens_above BIGINT,
    input_price DOUBLE,
    cache_read_price DOUBLE,
    cache_write_price DOUBLE,
    output_price DOUBLE,
    reasoning_price DOUBLE,
    source TEXT
) WITH (sort = 'model, time', partition = 'month');

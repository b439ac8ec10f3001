//! Reading files of others: OTLP bodies, and rows in Parquet, CSV and NDJSON.

pub(crate) mod bodies;
pub(crate) mod rows;
pub(crate) mod table;
pub(crate) mod time_column;

#[cfg(test)]
mod tests;

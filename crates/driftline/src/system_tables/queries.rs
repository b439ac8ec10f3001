//! `driftline.queries`: the queries that run, this one too, and the last ones that are done. A session sees its own user's, and those of
//! everybody with the role admin.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringViewArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::{instant, number, text};
use crate::catalog::Relations;
use crate::queries::QueryRecord;

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("query_id", false),
        text("user_name", true),
        text("state", false),
        text("sql", false),
        instant("started_at", false),
        Field::new("duration_ms", DataType::Float64, false),
        number("rows", false),
        number("bytes", false),
        number("spilled_bytes", false),
        number("memory_bytes_peak", false),
        text("error", true),
    ])
}

pub(super) fn columns(relations: &Relations) -> Vec<ArrayRef> {
    let queries = relations.engine().queries().visible(relations.settings());
    let texts = |value: fn(&QueryRecord) -> Option<String>| -> ArrayRef {
        Arc::new(StringViewArray::from_iter(queries.iter().map(value)))
    };
    let numbers = |value: fn(&QueryRecord) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(queries.iter().map(|query| value(query) as i64)))
    };
    let started = queries.iter().map(|query| query.started_at_ns);
    let durations = queries.iter().map(|query| query.duration_ns as f64 / 1e6);
    vec![
        texts(|query| Some(query.query_id.clone())),
        texts(|query| query.user.clone()),
        texts(|query| Some(query.state.to_string())),
        texts(|query| Some(query.sql.clone())),
        Arc::new(TimestampNanosecondArray::from_iter_values(started).with_timezone("UTC")),
        Arc::new(Float64Array::from_iter_values(durations)),
        numbers(|query| query.rows),
        numbers(|query| query.bytes),
        numbers(|query| query.spilled_bytes),
        numbers(|query| query.memory_bytes_peak),
        texts(|query| query.error.clone()),
    ]
}

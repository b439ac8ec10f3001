//! `driftline.store_requests`: what was asked of the object store since the database was opened. The last row, `http`, is what that
//! took over the network, with everything that was tried again.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use arrow::datatypes::Schema;
use driftline_storage::{Storage, StoreOperation};

use super::{number, text};

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("operation", false),
        number("requests", false),
        number("errors", false),
        number("bytes", false),
    ])
}

pub(super) fn columns(storage: &Storage) -> Vec<ArrayRef> {
    let counts = storage.status().requests;
    let mut rows: Vec<(&str, u64, u64, u64)> = Vec::new();
    for operation in StoreOperation::ALL {
        let bytes = match operation {
            StoreOperation::Get => counts.read_bytes,
            StoreOperation::Put => counts.written_bytes,
            _ => 0,
        };
        rows.push((operation.name(), counts.requests(operation), counts.errors(operation), bytes));
    }
    let bytes = counts.read_bytes + counts.written_bytes;
    rows.push((
        "http",
        counts.http_requests,
        counts.http_failures,
        if counts.http_requests > 0 { bytes } else { 0 },
    ));
    vec![
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1 as i64))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2 as i64))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.3 as i64))),
    ]
}

//! `DESCRIBE BASELINE name`: what it keeps, one row a key and column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray};
use driftline_functions::baseline::Reference;

use crate::baseline::{Baseline, BaselineColumn};
use crate::context::QueryContext;
use crate::error::Result;
use crate::labels;
use crate::stream::QueryStream;

struct Row<'a> {
    key: Option<&'a str>,
    column: &'a BaselineColumn,
    reference: &'a Reference,
}

pub(super) async fn run(name: &str, context: &QueryContext) -> Result<QueryStream> {
    let baseline = context.relations().baseline(name).await?;
    let keys = keys_of(&baseline)?;
    let mut rows: Vec<Row<'_>> = vec![];
    for (at, key) in keys.iter().enumerate() {
        for column in &baseline.columns {
            rows.push(Row { key: key.as_deref(), column, reference: &column.references.rows()[at] });
        }
    }
    let texts = |value: fn(&Row<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(StringViewArray::from_iter(rows.iter().map(value)))
    };
    let counts = |value: fn(&Reference) -> Option<u64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(rows.iter().map(|row| value(row.reference).map(|count| count as i64))))
    };
    let doubles = |value: fn(&Reference) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| value(row.reference))))
    };
    let quantiles = |step: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.reference.quantile(step))))
    };
    Ok(QueryStream::of_batch(RecordBatch::try_from_iter_with_nullable([
        ("key", texts(|row| row.key.map(str::to_owned)), true),
        ("column_name", texts(|row| Some(row.column.name.clone())), false),
        ("data_type", texts(|row| Some(row.column.sql_type.clone())), false),
        ("count", counts(|reference| Some(reference.count())), false),
        ("nulls", counts(|reference| Some(reference.nulls())), false),
        ("nans", counts(|reference| Some(reference.nans())), false),
        ("infinities", counts(|reference| Some(reference.infinities())), false),
        ("categories", counts(Reference::categories), true),
        ("min", quantiles(0), true),
        ("median", quantiles(500), true),
        ("max", quantiles(1000), true),
        ("buckets", counts(Reference::buckets), true),
        ("centroids", counts(Reference::centroids), true),
        ("distance_99", doubles(Reference::distance_99), true),
    ])?))
}

/// The keys of a baseline as text, `model = a, region = NULL`; one that is no text where it has none.
fn keys_of(baseline: &Baseline) -> Result<Vec<Option<String>>> {
    let Some(keys) = &baseline.keys else { return Ok(vec![None]) };
    let rows = keys.columns().first().map_or(0, |column| column.len());
    let of_row = |row: usize| -> Result<Option<String>> {
        let named = keys.names().iter().zip(keys.columns());
        let parts = named.map(|(name, column)| Ok(format!("{name} = {}", labels::shown(column, row)?)));
        Ok(Some(parts.collect::<Result<Vec<_>>>()?.join(", ")))
    };
    (0..rows).map(of_row).collect()
}

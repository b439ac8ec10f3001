//! Tests of the functions as SQL, through a plain session.

mod baseline_operands;
mod baselines;
mod distributions;
mod documentation;
mod embeddings;
mod emission;
mod errors;
mod golden;
mod golden_conventions;
mod golden_profiles;
mod golden_ranks;
mod hard_inputs;
mod limit;
mod novelty_baseline;
mod properties;
mod psi_ci;
mod quality;
mod rows;
mod scalars;
mod streams;
mod window_errors;
mod window_scores;
mod windows;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

/// A session with our functions; `partitions` many tasks.
pub(crate) fn session(partitions: usize) -> SessionContext {
    let mut session =
        SessionContext::new_with_config(SessionConfig::new().with_target_partitions(partitions));
    crate::register(&mut session).expect("the registry is writable");
    session
}

/// The session with another limit of exact modes.
pub(crate) fn limited(session: SessionContext, exact_max_rows: usize) -> SessionContext {
    let state = session.state_ref();
    state.write().config_mut().options_mut().extensions.insert(crate::DriftOptions { exact_max_rows });
    session
}

/// Registers `columns` as table `t`, cut into batches of `batch_rows` dealt out to `partitions`.
pub(crate) fn create(
    session: &SessionContext,
    columns: &[(&str, ArrayRef)],
    partitions: usize,
    batch_rows: usize,
) {
    let whole =
        RecordBatch::try_from_iter(columns.iter().map(|(name, array)| (*name, Arc::clone(array)))).unwrap();
    let mut parts = vec![Vec::new(); partitions];
    for (index, start) in (0..whole.num_rows()).step_by(batch_rows).enumerate() {
        parts[index % partitions].push(whole.slice(start, batch_rows.min(whole.num_rows() - start)));
    }
    let fields: Vec<_> =
        whole.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let parts = parts
        .into_iter()
        .map(|part| {
            part.into_iter()
                .map(|b| RecordBatch::try_new(Arc::clone(&schema), b.columns().to_vec()).unwrap())
                .collect()
        })
        .collect();
    session.deregister_table("t").unwrap();
    session.register_table("t", Arc::new(MemTable::try_new(schema, parts).unwrap())).unwrap();
}

/// Runs a query; all its rows in one batch.
pub(crate) async fn query(session: &SessionContext, sql: &str) -> Result<RecordBatch> {
    let frame = session.sql(sql).await?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await?;
    let schema = batches.first().map_or(schema, |batch| batch.schema());
    Ok(arrow::compute::concat_batches(&schema, &batches)?)
}

/// The DOUBLEs of the first column.
pub(crate) async fn doubles(session: &SessionContext, sql: &str) -> Vec<Option<f64>> {
    let batch = query(session, sql).await.unwrap();
    batch.column(0).as_primitive::<Float64Type>().iter().collect()
}

/// The rows of a batch as text, columns divided by `divider`.
pub(crate) fn printed(batch: &RecordBatch, divider: &str) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
    let line = |row: usize| {
        columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(divider)
    };
    (0..batch.num_rows()).map(line).collect()
}

/// The message of a query that must fail, without the prefix of DataFusion.
pub(crate) async fn failure(session: &SessionContext, sql: &str) -> String {
    match query(session, sql).await {
        Ok(batch) => panic!("{sql} gave {:?}", batch.columns().iter().map(|c| c.len()).collect::<Vec<_>>()),
        Err(error) => error.find_root().strip_backtrace(),
    }
}

/// Equal absolutely or relatively to 1e-9: the promise of the documentation.
#[track_caller]
pub(crate) fn assert_close(ours: f64, theirs: f64, what: &str) {
    let apart = (ours - theirs).abs();
    assert!(apart <= 1e-9 || apart <= 1e-9 * theirs.abs(), "{what}: {ours} is not {theirs}");
}

//! The session that every query starts from: UTC, our functions, a memory pool that spills, and no catalog of its own.

use std::sync::Arc;

use datafusion::common::config::ConfigNonZeroUsize;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::prelude::SessionConfig;
use driftline_functions::DriftOptions;

use crate::bounded::{self, BoundedCalls, BoundedConstants};
use crate::catalog::{DEFAULT_CATALOG, PUBLIC_SCHEMA};
use crate::config::Config;
use crate::date_bin::date_bin;
use crate::drift_report;
use crate::error::Result;
use crate::far_times::FarTimes;
use crate::scan::SlicesForAggregates;
use crate::sorting::CopyTextForSorts;

/// An exchange between partitions writes each batch that it spills into a file of its own. Where two of its inputs write into
/// open files at the same time they and its reader can wait for each other for ever (DataFusion 55.2, its issue 24883).
const EXCHANGE_FILE_BYTES: usize = 1;
/// The part of the memory of all queries that each sort keeps for merging what it spills; it keeps no more than the engine would.
const SPILL_RESERVE_PART: usize = 32;

/// The part of the memory for each partition of a query that lets it merge one more file of those that it spilled at the same time: a merge takes
/// what it can get, and the others must get theirs.
const MERGED_FILE_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of memory in a partition for each row of its batches.
const MEMORY_OF_A_BATCH_ROW: usize = 32 * 1024;
/// Batches are not made smaller than this, however little memory there is.
const BATCH_ROWS_MIN: usize = 256;

/// Makes the state that the state of every query is cloned from.
pub(crate) fn session_state(config: &Config) -> Result<SessionState> {
    let mut state = SessionStateBuilder::new()
        .with_config(session_config(config)?)
        .with_runtime_env(runtime(config)?)
        .with_default_features()
        .with_analyzer_rule(Arc::new(FarTimes))
        .with_analyzer_rule(Arc::new(BoundedCalls))
        .with_optimizer_rule(Arc::new(BoundedConstants))
        .with_physical_optimizer_rule(Arc::new(SlicesForAggregates))
        .with_physical_optimizer_rule(Arc::new(CopyTextForSorts))
        .build();
    driftline_functions::register(&mut state)?;
    state.register_udf(Arc::new(date_bin()))?;
    bounded::register(&mut state)?;
    drift_report::register(&mut state);
    Ok(state)
}

fn session_config(config: &Config) -> Result<SessionConfig> {
    let mut session = SessionConfig::new()
        .with_target_partitions(config.target_partitions)
        .with_batch_size(config.batch_rows.min(batch_rows_max(config)))
        .with_default_catalog_and_schema(DEFAULT_CATALOG, PUBLIC_SCHEMA)
        // nor the information schema of its own: ours says less
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = session.options_mut();
    // now() and TIMESTAMP WITH TIME ZONE get the type of our time columns, so that comparing with them casts no column
    options.execution.time_zone = Some("UTC".to_owned());
    options.execution.parquet.pushdown_filters = true;
    options.execution.max_spill_file_size_bytes = ConfigNonZeroUsize::try_new(EXCHANGE_FILE_BYTES)?;
    let spill_reserve = options.execution.sort_spill_reservation_bytes;
    options.execution.sort_spill_reservation_bytes =
        spill_reserve.min(config.memory_bytes / SPILL_RESERVE_PART);
    options.extensions.insert(DriftOptions::of_exact_max_rows(config.exact_max_rows));
    Ok(session)
}

/// Rows of a batch that the memory bears: an operator that spills holds a few batches at the least, and rows of text may be wide.
fn batch_rows_max(config: &Config) -> usize {
    (config.memory_bytes / config.target_partitions / MEMORY_OF_A_BATCH_ROW).max(BATCH_ROWS_MIN)
}

fn runtime(config: &Config) -> Result<Arc<RuntimeEnv>> {
    let pool =
        TrackConsumersPool::new(GreedyMemoryPool::new(config.memory_bytes), crate::queries::CONSUMERS_NAMED);
    let mode = match &config.spill_dir {
        Some(path) => DiskManagerMode::Directories(vec![path.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let fan_in = config.memory_bytes / (config.target_partitions * MERGED_FILE_BYTES);
    let disk = DiskManagerBuilder::default()
        .with_mode(mode)
        .with_max_temp_directory_size(config.spill_bytes)
        .with_max_spill_merge_fan_in(fan_in.max(2));
    Ok(RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .build_arc()?)
}

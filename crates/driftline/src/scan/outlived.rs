//! A query in another process than the writer's may outlive its version: what it then misses is no damage.

use datafusion::error::DataFusionError;
use driftline_storage::TableSnapshot;

use crate::error::{Error, ErrorKind, external};

/// Why a scan of a table failed: `Unavailable` where what it wanted to read was collected meanwhile, else the error as it is.
pub(super) async fn explained(table: &TableSnapshot, error: DataFusionError) -> DataFusionError {
    let may_be_missing = match &error {
        DataFusionError::External(source) => source
            .downcast_ref::<Error>()
            .is_some_and(|error| matches!(error.kind(), ErrorKind::Corrupted | ErrorKind::NotFound)),
        _ => false,
    };
    if may_be_missing && matches!(table.is_collected().await, Ok(true)) {
        let message = "another process writes this database, and has removed what the query began with: run it again; a longer grace_period of the writer keeps it for longer";
        return external(Error::new(ErrorKind::Unavailable, message).with_source(error));
    }
    error
}

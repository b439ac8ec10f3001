//! Checks a segment against what its day list says of it.

use std::sync::Arc;

use arrow::{array::AsArray, datatypes::TimestampNanosecondType};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::{
    SegmentMeta, open,
    reader::{check_size, read_range},
};
use crate::{
    cache::Cache,
    error::{Error, Result},
    partition::TimeRange,
    schema::TableSchema,
};

/// Checks size and footer of a segment; with `deep` every byte, every value and the range of its times.
///
/// # Errors
/// `Corrupted`, naming the object.
pub(crate) async fn verify(
    store: &Arc<dyn ObjectStore>,
    meta: &Arc<SegmentMeta>,
    schema: &TableSchema,
    deep: bool,
) -> Result<()> {
    let found = store.head(&Path::from(meta.path.as_str())).await;
    let found = found.map_err(|error| match error {
        object_store::Error::NotFound { .. } => Error::corrupted(&meta.path, "it is missing"),
        error => Error::object(format_args!("look at {}", meta.path), error),
    })?;
    check_size(meta, found.size)?;
    // past the cache of footers: what counts is what lies in the store
    let reader = open(store, &Cache::new(0), meta).await?;
    if !deep {
        return Ok(());
    }
    let bytes = read_range(store, meta, 0..meta.bytes).await?;
    let found = crc32c::crc32c(&bytes);
    if found != meta.file_crc32c {
        let problem = format!("its checksum is {:08x}, its bytes have {found:08x}", meta.file_crc32c);
        return Err(Error::corrupted(&meta.path, problem));
    }
    drop(bytes);
    let time = meta.columns.iter().position(|id| *id == schema.time_column().id);
    let mut times: Option<TimeRange> = None;
    for row_group in 0..reader.row_groups() {
        let columns = reader.read_columns(row_group, &meta.columns).await?;
        let array = time.and_then(|position| columns[position].as_ref());
        let array = array.and_then(|array| array.as_primitive_opt::<TimestampNanosecondType>());
        times = times
            .into_iter()
            .chain(array.and_then(|array| TimeRange::of(array.values())))
            .reduce(TimeRange::union);
    }
    match times {
        Some(times) if times == meta.time_range() => Ok(()),
        _ => Err(Error::corrupted(&meta.path, format_args!("its times are not {}", meta.time_range()))),
    }
}

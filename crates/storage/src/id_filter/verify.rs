//! Checks an id filter against its checksums.

use object_store::{ObjectStoreExt, path::Path};

use super::IdFilter;
use crate::{
    error::{Error, Result},
    snapshot::Reading,
};

/// What is read at once.
const CHUNK_BYTES: u64 = 4 << 20;

impl Reading {
    /// Checks size and header of an id filter; with `deep` every byte.
    ///
    /// # Errors
    /// `Corrupted`, naming the object.
    pub(crate) async fn verify_id_filter(&self, filter: &IdFilter, deep: bool) -> Result<()> {
        let path = filter.path();
        let found = self.store.head(&Path::from(path.as_str())).await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => Error::corrupted(&path, "it is missing"),
            error => Error::object(format_args!("look at {path}"), error),
        })?;
        if found.size != filter.bytes {
            let problem = format_args!("it has {} bytes, {} were written", found.size, filter.bytes);
            return Err(Error::corrupted(&path, problem));
        }
        let header = self.read_id_filter_header(filter).await?;
        if !deep {
            return Ok(());
        }
        for (blocks, group) in header.groups(filter.header_bytes) {
            let at_once = u32::try_from(CHUNK_BYTES / group.row_bytes()).unwrap_or(u32::MAX).max(1);
            for first in (0..blocks).step_by(at_once as usize) {
                let rows = first..blocks.min(first.saturating_add(at_once));
                let parts = self.read_id_filter(filter, &[group.rows(rows.clone())]).await?;
                let rows_bytes = parts.iter().flat_map(|part| part.chunks(group.row_bytes() as usize));
                for (row, bytes) in rows.zip(rows_bytes) {
                    group.open(&path, row, bytes)?;
                }
            }
        }
        Ok(())
    }
}

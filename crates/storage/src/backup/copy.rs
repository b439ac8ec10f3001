//! Copies one object: its bytes are checked on the way, and read back.

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart, path::Path};

use super::{destination::Places, plan::Item};
use crate::{
    deletion::DeletionVector,
    error::{Error, Result},
    segment::SegmentMeta,
    snapshot::Reading,
};

/// Bytes that are read and written at once.
const PART_BYTES: u64 = 8 << 20;

/// Copies an object and returns its size. It is durable and whole when the call returns.
///
/// `heard` is called again and again while it takes long.
pub(super) async fn copy(
    item: &Item,
    from: &Reading,
    to: &Places,
    heard: &impl AsyncFn() -> Result<()>,
) -> Result<u64> {
    match item {
        Item::Segment(meta) => copy_segment(meta, from, to, heard).await,
        Item::Object(object) => {
            let content = from.read_object(object).await?;
            to.put(&object.path(), content).await?;
            Ok(object.bytes)
        }
        Item::Deletions(vectors) => {
            let path = item.path();
            let content = read_whole(from.store.as_ref(), &path).await?;
            for (vector, segment_rows) in vectors {
                let range = usize::try_from(vector.offset).ok().zip(usize::try_from(vector.range().end).ok());
                let bytes = range.and_then(|(start, end)| content.get(start..end));
                let bytes = bytes.ok_or_else(|| Error::corrupted(&path, "it is cut short"))?;
                DeletionVector::read(vector, *segment_rows, bytes)?;
            }
            to.put(&path, content.clone()).await?;
            Ok(content.len() as u64)
        }
        Item::DayList { table, entry } => {
            let path = item.path();
            let content = read_whole(from.store.as_ref(), &path).await?;
            to.put(&path, content.clone()).await?;
            // written and read back, it is as whole as it was there
            to.manifest.read_day_list(*table, entry).await?;
            Ok(content.len() as u64)
        }
    }
}

async fn copy_segment(
    meta: &SegmentMeta,
    from: &Reading,
    to: &Places,
    heard: &impl AsyncFn() -> Result<()>,
) -> Result<u64> {
    let path = Path::from(meta.path.as_str());
    let failed = |error| Error::object(format_args!("write {path} of the copy"), error);
    let upload = to.store.put_multipart(&path).await.map_err(failed)?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES as usize);
    let checked = read_parts(from.store.as_ref(), meta, async |part| {
        heard().await?;
        upload.wait_for_capacity(1).await.map_err(failed)?;
        upload.put(part);
        Ok(())
    });
    match checked.await {
        Ok(()) => upload.finish().await.map_err(failed)?,
        Err(error) => {
            // what is not finished has no name
            drop(upload.abort().await);
            return Err(error);
        }
    };
    read_parts(to.store.as_ref(), meta, async |_| heard().await).await?;
    Ok(meta.bytes)
}

/// Reads a segment in parts, and makes sure that together they are what was written.
async fn read_parts(
    store: &dyn ObjectStore,
    meta: &SegmentMeta,
    mut each: impl AsyncFnMut(Bytes) -> Result<()>,
) -> Result<()> {
    let path = Path::from(meta.path.as_str());
    let found = store.head(&path).await.map_err(|error| unreadable(&meta.path, error))?;
    if found.size != meta.bytes {
        let problem = format!("it has {} bytes, {} were written", found.size, meta.bytes);
        return Err(Error::corrupted(&meta.path, problem));
    }
    let mut crc32c = 0;
    let mut start = 0;
    while start < meta.bytes {
        let end = meta.bytes.min(start + PART_BYTES);
        let part = store.get_range(&path, start..end).await.map_err(|error| unreadable(&meta.path, error))?;
        crc32c = crc32c::crc32c_append(crc32c, &part);
        each(part).await?;
        start = end;
    }
    if crc32c == meta.file_crc32c {
        return Ok(());
    }
    let problem = format!("its checksum is {:08x}, its bytes have {crc32c:08x}", meta.file_crc32c);
    Err(Error::corrupted(&meta.path, problem))
}

/// Reads an object whole.
pub(super) async fn read_whole(store: &dyn ObjectStore, path: &str) -> Result<Bytes> {
    let found = store.get(&Path::from(path)).await.map_err(|error| unreadable(path, error))?;
    found.bytes().await.map_err(|error| unreadable(path, error))
}

fn unreadable(path: &str, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::corrupted(path, "it is missing"),
        error => Error::object(format_args!("read {path}"), error),
    }
}

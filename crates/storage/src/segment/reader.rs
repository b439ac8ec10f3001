//! Reads segments: the footer once, then whole column chunks, each checked before it is decoded.

use std::{collections::HashMap, fmt, ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchReader},
    buffer::BooleanBuffer,
    datatypes::SchemaRef,
};
use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
        },
    },
    bloom_filter::Sbbf,
    file::{metadata::ParquetMetaData, statistics::Statistics},
};
use roaring::RoaringBitmap;

use super::{
    SegmentMeta,
    checksums::bloom_range,
    chunks::{Chunks, Part},
    footer::Footer,
    pages,
};
use crate::{
    attributes::Note,
    cache::Cache,
    error::{Error, Result},
    index::{Posting, SegmentIndex},
    rows::RowSet,
};

/// What a text takes beside its bytes, decoded.
const VIEW_BYTES: i64 = 16;
/// A block of a bloom filter.
const BLOCK_BYTES: u64 = 32;

/// An open segment. Cheap to make again: the footer is cached.
#[derive(Clone)]
pub struct SegmentReader {
    meta: Arc<SegmentMeta>,
    footer: Arc<Footer>,
    store: Arc<dyn ObjectStore>,
}

/// Opens a segment, reading and checking its footer unless the cache has it.
pub(crate) async fn open(
    store: &Arc<dyn ObjectStore>,
    footers: &Cache<Footer>,
    meta: &Arc<SegmentMeta>,
) -> Result<SegmentReader> {
    let footer = match footers.get(&meta.id) {
        Some(footer) => footer,
        None => {
            let tail = read_range(store, meta, meta.tail_offset..meta.bytes).await?;
            let footer = Arc::new(Footer::parse(meta, &tail)?);
            footers.insert(&meta.id, Arc::clone(&footer), footer.memory_size);
            footer
        }
    };
    Ok(SegmentReader { meta: Arc::clone(meta), footer, store: Arc::clone(store) })
}

impl SegmentReader {
    /// What the day list says of the segment.
    pub fn meta(&self) -> &Arc<SegmentMeta> {
        &self.meta
    }

    /// The metadata of the Parquet file, with the places of its pages.
    pub fn parquet_metadata(&self) -> &Arc<ParquetMetaData> {
        self.footer.arrow.metadata()
    }

    /// The columns of the file as they are decoded: text at top level is `Utf8View`, all else as
    /// [`TableSchema::arrow`](crate::TableSchema::arrow) has it; the metadata of fields carries the column ids.
    pub fn arrow_schema(&self) -> &SchemaRef {
        self.footer.arrow.schema()
    }

    /// The number of row groups.
    pub fn row_groups(&self) -> usize {
        self.parquet_metadata().num_row_groups()
    }

    /// The number of rows of a row group.
    pub fn row_group_rows(&self, row_group: usize) -> usize {
        usize::try_from(self.parquet_metadata().row_group(row_group).num_rows()).unwrap_or(0)
    }

    /// The number of the first row of a row group, counted from the first row of the segment.
    pub fn row_group_start(&self, row_group: usize) -> u32 {
        let before = &self.parquet_metadata().row_groups()[..row_group];
        u32::try_from(before.iter().map(|group| group.num_rows()).sum::<i64>()).unwrap_or(u32::MAX)
    }

    /// The position of a column in [`arrow_schema`](Self::arrow_schema); `None` where all of its values are NULL.
    pub fn column_root(&self, column_id: u32) -> Option<usize> {
        self.footer.roots.get(&column_id).copied()
    }

    /// Whether a column `FROM ATTRIBUTE` has the value of every row here that has a fitting one: NULL is NULL, and
    /// the attributes need not be asked.
    pub fn is_complete(&self, column_id: u32) -> bool {
        self.footer.note.as_ref().is_some_and(|note| note.complete.contains(&column_id))
    }

    /// Whether the attributes of any row here may have a key, beside what lies in columns.
    pub fn may_have_attribute(&self, key: &str) -> bool {
        let keys = self.footer.note.as_ref().and_then(|note| note.keys.as_ref());
        keys.is_none_or(|keys| keys.contains(key))
    }

    /// The statistics of a scalar column in a row group; `None` where there are none or the file lacks the column.
    pub fn statistics(&self, row_group: usize, column_id: u32) -> Option<&Statistics> {
        let leaf = self.scalar_leaf(column_id)?;
        self.parquet_metadata().row_group(row_group).column(leaf).statistics()
    }

    /// Reads and decodes whole columns of a row group: one array a column, in the order of `columns`; `None` for a
    /// column that the file does not have. Every chunk is checked by its CRC32C before it is decoded.
    ///
    /// # Errors
    /// `Corrupted`, naming the object, where its bytes are not those that were written; `Unavailable` where the
    /// store does not answer.
    pub async fn read_columns(&self, row_group: usize, columns: &[u32]) -> Result<Vec<Option<ArrayRef>>> {
        let roots: Vec<Option<usize>> = columns.iter().map(|id| self.column_root(*id)).collect();
        self.read_roots(row_group, &roots, None).await
    }

    /// Reads some rows of columns of a row group: one array a column, in the order of `columns`, with the rows that `selected` has
    /// set; `None` for a column that the file does not have. Pages without such a row are neither read nor decompressed, unless most
    /// of them have one. What is read is checked by its CRC32C before it is decoded.
    ///
    /// # Errors
    /// As [`read_columns`](Self::read_columns).
    pub async fn read_selected(
        &self,
        row_group: usize,
        columns: &[u32],
        selected: &BooleanBuffer,
    ) -> Result<Vec<Option<ArrayRef>>> {
        let roots: Vec<Option<usize>> = columns.iter().map(|id| self.column_root(*id)).collect();
        self.read_roots(row_group, &roots, Some(selected)).await
    }

    /// Whether a column is text that [`read_coded`](Self::read_coded) reads.
    pub fn is_coded(&self, column_id: u32) -> bool {
        self.column_root(column_id).is_some_and(|root| self.footer.coded(root).is_some())
    }

    /// Reads a column of text of a row group as numbers of different values, a `Dictionary(Int32, Utf8)`. Its chunk is checked by its
    /// CRC32C before it is decoded. `None` for a column that is no such text: see [`is_coded`](Self::is_coded).
    ///
    /// # Errors
    /// As [`read_columns`](Self::read_columns).
    pub async fn read_coded(&self, row_group: usize, column_id: u32) -> Result<Option<ArrayRef>> {
        let coded = self.column_root(column_id).and_then(|root| Some((root, self.footer.coded(root)?)));
        let Some((root, coded)) = coded else { return Ok(None) };
        let chunks = self.fetch(row_group, &[Some(root)], None).await?;
        let mut decoded = self.decode(row_group, coded, &[Some(root)], chunks, None)?;
        Ok(decoded.remove(&root))
    }

    /// How many bytes a read of some columns fetches: of all rows, or of those that are set.
    pub fn bytes_to_read(&self, row_group: usize, columns: &[u32], selected: Option<&BooleanBuffer>) -> u64 {
        let roots: Vec<Option<usize>> = columns.iter().map(|id| self.column_root(*id)).collect();
        let parts = self.parts(row_group, &roots, selected);
        parts.iter().map(|part| part.range.end - part.range.start).sum()
    }

    /// How many bytes all rows of some columns take when they are decoded, about: what their pages hold, and a view for each value.
    pub fn decoded_bytes(&self, row_group: usize, columns: &[u32]) -> usize {
        let roots: Vec<Option<usize>> = columns.iter().map(|id| self.column_root(*id)).collect();
        let group = self.parquet_metadata().row_group(row_group);
        let bytes_of = |leaf: usize| {
            let chunk = group.column(leaf);
            let views = match chunk.column_type() {
                parquet::basic::Type::BYTE_ARRAY => chunk.num_values().saturating_mul(VIEW_BYTES),
                _ => 0,
            };
            usize::try_from(chunk.uncompressed_size().saturating_add(views)).unwrap_or(0)
        };
        self.leaves_of(&roots).map(bytes_of).sum()
    }

    async fn read_roots(
        &self,
        row_group: usize,
        roots: &[Option<usize>],
        selected: Option<&BooleanBuffer>,
    ) -> Result<Vec<Option<ArrayRef>>> {
        let chunks = self.fetch(row_group, roots, selected).await?;
        let decoded = self.decode(row_group, &self.footer.arrow, roots, chunks, selected)?;
        Ok(roots.iter().map(|root| root.and_then(|root| decoded.get(&root).cloned())).collect())
    }

    /// Reads columns of a row group and decodes them in batches of so many rows: narrow ones, with the columns that the file
    /// has, in the order of the file. Every chunk is checked by its CRC32C before it is decoded.
    ///
    /// # Errors
    /// As [`read_columns`](Self::read_columns).
    pub(crate) async fn read_batches(
        &self,
        row_group: usize,
        columns: &[u32],
        batch_rows: usize,
    ) -> Result<RowGroupBatches> {
        let roots: Vec<Option<usize>> = columns.iter().map(|id| self.column_root(*id)).collect();
        let chunks = self.fetch(row_group, &roots, None).await?;
        let mask = ProjectionMask::roots(self.footer.arrow.parquet_schema(), roots.into_iter().flatten());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, self.footer.arrow.clone())
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map_err(|error| Error::corrupted(&self.meta.path, error))?;
        Ok(RowGroupBatches {
            reader,
            path: self.meta.path.clone(),
            rows_left: self.row_group_rows(row_group),
        })
    }

    /// What the segment says of its attributes.
    pub(crate) fn note(&self) -> Option<&Note> {
        self.footer.note.as_ref()
    }

    /// Reads the directory of the index from the store; `None` where the segment has none.
    pub(crate) async fn read_index(&self) -> Result<Option<SegmentIndex>> {
        let Some(note) = &self.footer.index else { return Ok(None) };
        let bytes = read_range(&self.store, &self.meta, note.range()).await?;
        note.open(&self.meta.path, &bytes).map(Some)
    }

    /// Reads the rows of some values of the index, all of them together. Values whose rows are not stored must not be among them.
    ///
    /// # Errors
    /// As [`read_columns`](Self::read_columns).
    pub async fn read_postings(&self, postings: &[Posting]) -> Result<RowSet> {
        let few: RoaringBitmap = postings.iter().flat_map(|posting| posting.few()).copied().collect();
        let places: Vec<(Range<u64>, u32)> = postings.iter().filter_map(|posting| posting.place()).collect();
        if places.is_empty() {
            return Ok(RowSet(few));
        }
        let ranges: Vec<Range<u64>> = places.iter().map(|(range, _)| range.clone()).collect();
        let path = Path::from(self.meta.path.as_str());
        let parts = match self.store.get_ranges(&path, &ranges).await {
            Ok(parts) => parts,
            Err(error) => return Err(read_error(&self.store, &self.meta, error).await),
        };
        let mut rows = few;
        for ((range, expected), part) in places.iter().zip(&parts) {
            self.check(part, *expected, format_args!("the bitmap at {}", range.start))?;
            let bitmap = RoaringBitmap::deserialize_from(part.as_ref());
            rows |= bitmap.map_err(|error| Error::corrupted(&self.meta.path, error))?;
        }
        Ok(RowSet(rows))
    }

    /// Asks the bloom filter of a column whether a row group may contain a value (text or bytes as they are, numbers
    /// as little-endian bytes). `true` where there is no filter, `false` where all values are NULL.
    ///
    /// # Errors
    /// As [`read_columns`](Self::read_columns).
    pub async fn may_contain(&self, row_group: usize, column_id: u32, value: &[u8]) -> Result<bool> {
        if self.column_root(column_id).is_none() {
            return Ok(false);
        }
        let filter = self.read_bloom(row_group, column_id).await?;
        Ok(filter.is_none_or(|filter| filter.check(value)))
    }

    /// How many blocks the bloom filter of a column has in a row group; 0 without one.
    pub(crate) fn bloom_blocks(&self, row_group: usize, column_id: u32) -> u32 {
        // the header before them is shorter than a block
        let blocks =
            self.bloom(row_group, column_id).map(|(range, _)| (range.end - range.start) / BLOCK_BYTES);
        blocks.and_then(|blocks| u32::try_from(blocks).ok()).unwrap_or(0)
    }

    /// Reads the bloom filter of a column in a row group; `None` without one.
    pub(crate) async fn read_bloom(&self, row_group: usize, column_id: u32) -> Result<Option<Sbbf>> {
        let Some((range, expected)) = self.bloom(row_group, column_id) else { return Ok(None) };
        let bytes = read_range(&self.store, &self.meta, range).await?;
        self.check(&bytes, expected, format_args!("the bloom filter of column {column_id}"))?;
        Sbbf::from_bytes(&bytes).map(Some).map_err(|error| Error::corrupted(&self.meta.path, error))
    }

    /// Where the bloom filter of a column lies, and its checksum.
    fn bloom(&self, row_group: usize, column_id: u32) -> Option<(Range<u64>, u32)> {
        let leaf = self.scalar_leaf(column_id)?;
        let (start, length) = bloom_range(self.parquet_metadata().row_group(row_group).column(leaf))?;
        Some((start..start + length, self.footer.checksums.blooms[row_group][leaf]?))
    }

    /// The leaf of a column that has exactly one.
    fn scalar_leaf(&self, column_id: u32) -> Option<usize> {
        let root = self.column_root(column_id)?;
        let mut leaves = self.leaves(root);
        let leaf = leaves.next()?;
        leaves.next().is_none().then_some(leaf)
    }

    fn leaves(&self, root: usize) -> impl Iterator<Item = usize> {
        let schema = self.footer.arrow.parquet_schema();
        (0..schema.num_columns()).filter(move |leaf| schema.get_column_root_idx(*leaf) == root)
    }

    /// The leaves of some root columns.
    fn leaves_of(&self, roots: &[Option<usize>]) -> impl Iterator<Item = usize> {
        let schema = self.footer.arrow.parquet_schema();
        (0..schema.num_columns()).filter(|leaf| roots.contains(&Some(schema.get_column_root_idx(*leaf))))
    }

    /// The parts of the file that some root columns need, for all rows or for those that are set.
    fn parts(
        &self,
        row_group: usize,
        roots: &[Option<usize>],
        selected: Option<&BooleanBuffer>,
    ) -> Vec<Part> {
        let metadata = self.parquet_metadata();
        let mut parts = Vec::new();
        for leaf in self.leaves_of(roots) {
            let (start, length) = metadata.row_group(row_group).column(leaf).byte_range();
            let chunk = start..start + length;
            let pages = metadata.offset_index().and_then(|index| index.get(row_group)?.get(leaf));
            let needed = selected.zip(pages);
            let needed =
                needed.and_then(|(selected, pages)| pages::needed(&chunk, pages.page_locations(), selected));
            match needed {
                None => parts.push(Part { leaf, range: chunk, first_block: None }),
                Some(ranges) => parts.extend(ranges.into_iter().map(|range| {
                    let first_block = Some(((range.start - chunk.start) / pages::BLOCK_BYTES) as usize);
                    Part { leaf, range, first_block }
                })),
            }
        }
        parts
    }

    /// Reads the parts of some root columns and checks each.
    async fn fetch(
        &self,
        row_group: usize,
        roots: &[Option<usize>],
        selected: Option<&BooleanBuffer>,
    ) -> Result<Chunks> {
        let parts = self.parts(row_group, roots, selected);
        let ranges: Vec<Range<u64>> = parts.iter().map(|part| part.range.clone()).collect();
        let path = Path::from(self.meta.path.as_str());
        let read = match self.store.get_ranges(&path, &ranges).await {
            Ok(read) => read,
            Err(error) => return Err(read_error(&self.store, &self.meta, error).await),
        };
        for (part, bytes) in parts.iter().zip(&read) {
            self.check_part(row_group, part, bytes)?;
        }
        let parts = ranges.iter().map(|range| range.start).zip(read).collect();
        Ok(Chunks { length: self.meta.bytes, parts })
    }

    fn check_part(&self, row_group: usize, part: &Part, bytes: &[u8]) -> Result<()> {
        let sums = &self.footer.checksums;
        let column = self.footer.arrow.parquet_schema().column(part.leaf);
        let Some(first) = part.first_block else {
            let what = format_args!("column {} at {}", column.path(), part.range.start);
            return self.check(bytes, sums.chunks[row_group][part.leaf], what);
        };
        let expected = sums.blocks(row_group, part.leaf).get(first..).unwrap_or_default();
        for (block, expected) in bytes.chunks(pages::BLOCK_BYTES as usize).zip(expected) {
            self.check(
                block,
                *expected,
                format_args!("a block of column {} behind {}", column.path(), part.range.start),
            )?;
        }
        Ok(())
    }

    fn decode(
        &self,
        row_group: usize,
        metadata: &ArrowReaderMetadata,
        roots: &[Option<usize>],
        chunks: Chunks,
        selected: Option<&BooleanBuffer>,
    ) -> Result<HashMap<usize, ArrayRef>> {
        let mut wanted: Vec<usize> = roots.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let damaged = |error: &dyn fmt::Display| Error::corrupted(&self.meta.path, error);
        let rows = selected.map_or(self.row_group_rows(row_group), BooleanBuffer::count_set_bits);
        let mask = ProjectionMask::roots(self.footer.arrow.parquet_schema(), wanted.iter().copied());
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata.clone())
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(rows);
        if let Some(selected) = selected {
            let runs = selected.set_slices().map(|(start, end)| start..end);
            reader = reader.with_row_selection(RowSelection::from_consecutive_ranges(runs, selected.len()));
        }
        let mut reader = reader.build().map_err(|error| damaged(&error))?;
        let width = reader.schema().fields().len();
        let batch = reader.next().transpose().map_err(|error| damaged(&error))?;
        let batch = batch.filter(|batch| batch.num_rows() == rows && width == wanted.len());
        let batch =
            batch.ok_or_else(|| damaged(&format_args!("row group {row_group} does not have {rows} rows")))?;
        Ok(wanted.into_iter().zip(batch.columns().iter().cloned()).collect())
    }

    fn check(&self, bytes: &[u8], expected: u32, what: fmt::Arguments<'_>) -> Result<()> {
        let found = crc32c::crc32c(bytes);
        if found == expected {
            return Ok(());
        }
        let problem = format!("{what} has checksum {expected:08x}, its bytes have {found:08x}");
        Err(Error::corrupted(&self.meta.path, problem))
    }
}

/// The batches of a row group.
pub(crate) struct RowGroupBatches {
    reader: ParquetRecordBatchReader,
    path: String,
    rows_left: usize,
}

impl RowGroupBatches {
    /// The next batch.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let damaged = |error: &dyn fmt::Display| Error::corrupted(&self.path, error);
        match self.reader.next().transpose().map_err(|error| damaged(&error))? {
            Some(batch) if batch.num_rows() <= self.rows_left => {
                self.rows_left -= batch.num_rows();
                Ok(Some(batch))
            }
            None if self.rows_left == 0 => Ok(None),
            _ => Err(damaged(&"a row group does not have the rows that were written")),
        }
    }
}

impl fmt::Debug for SegmentReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentReader").field("path", &self.meta.path).finish_non_exhaustive()
    }
}

/// Reads a range of a segment.
pub(super) async fn read_range(
    store: &Arc<dyn ObjectStore>,
    meta: &SegmentMeta,
    range: Range<u64>,
) -> Result<Bytes> {
    let wanted = range.end - range.start;
    // in the plural, for that is what the cache on the local disk serves
    let bytes = match store.get_ranges(&Path::from(meta.path.as_str()), &[range]).await {
        Ok(mut read) => read.remove(0),
        Err(error) => return Err(read_error(store, meta, error).await),
    };
    if bytes.len() as u64 != wanted {
        return Err(Error::corrupted(
            &meta.path,
            format_args!("{} bytes of {wanted} are there", bytes.len()),
        ));
    }
    Ok(bytes)
}

/// Says why a read failed: an object that the manifest names and that is missing or of another size is damaged, not
/// merely unavailable.
async fn read_error(store: &Arc<dyn ObjectStore>, meta: &SegmentMeta, error: object_store::Error) -> Error {
    match store.head(&Path::from(meta.path.as_str())).await {
        Err(object_store::Error::NotFound { .. }) => Error::corrupted(&meta.path, "it is missing"),
        Ok(found) => match check_size(meta, found.size) {
            Err(damaged) => damaged,
            Ok(()) => Error::object(format_args!("read {}", meta.path), error),
        },
        Err(_) => Error::object(format_args!("read {}", meta.path), error),
    }
}

/// Checks the size of the object against what was written.
pub(super) fn check_size(meta: &SegmentMeta, found: u64) -> Result<()> {
    if found == meta.bytes {
        return Ok(());
    }
    Err(Error::corrupted(&meta.path, format_args!("it has {found} bytes, {} were written", meta.bytes)))
}

//! Making an id filter: the blocks of all filters are put where the header says. No row is read.

use std::collections::BTreeMap;

use bytes::Bytes;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload, path::Path};

use super::{
    IdFilter,
    block::BLOCK_BYTES,
    header::{Group, Header},
    source::{self, Part, Source},
};
use crate::{
    error::{Error, Result},
    partition::TimeRange,
    snapshot::Reading,
};

/// What is read at once of an id filter that is taken in.
const CHUNK_BYTES: u64 = 4 << 20;

/// Writes an id filter of these parts, under this id; nothing names it yet. `taken` are the filters from which parts come.
pub(super) async fn build(
    reading: &Reading,
    id: String,
    (column, time): (u32, TimeRange),
    parts: Vec<Part>,
    taken: &[&IdFilter],
) -> Result<IdFilter> {
    let (header, parts) = source::header(column, parts)?;
    let head = header.to_bytes()?;
    let mut body = Body::new(&header, head.len() as u64)?;
    let mut moves = vec![BTreeMap::<u32, Vec<(usize, usize)>>::new(); taken.len()];
    for (part, columns) in parts.iter().zip(body.columns(&parts)) {
        match &part.source {
            Source::Segment(reader) => {
                for (row_group, place) in columns.into_iter().enumerate() {
                    let Some((group, to)) = place else { continue };
                    let filter = reader.read_bloom(row_group, column).await?;
                    let mut blocks = Vec::with_capacity(group.blocks as usize * BLOCK_BYTES);
                    if let Some(filter) = filter {
                        filter.write_bitset(&mut blocks).map_err(|error| {
                            Error::internal("cannot take a bloom filter apart").with_source(error)
                        })?;
                    }
                    body.fill(&group, to, &blocks)?;
                }
            }
            Source::IdFilter(place, own) => {
                for (place_in_body, from) in columns.into_iter().zip(own) {
                    let Some((group, to)) = place_in_body else { continue };
                    moves[*place].entry(group.blocks).or_default().push((*from, to));
                }
            }
        }
    }
    for (filter, moves) in taken.iter().zip(moves) {
        body.take(reading, filter, &moves).await?;
    }
    let filter = IdFilter {
        id,
        column,
        bytes: head.len() as u64 + body.bytes.len() as u64,
        header_bytes: head.len() as u64,
        header_crc32c: crc32c::crc32c(&head),
        segments: parts.len() as u64,
        min_time: time.start,
        max_time: time.end,
    };
    let payload = PutPayload::from_iter([Bytes::from(head), body.seal()]);
    let path = filter.path();
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let put = reading.store.put_opts(&Path::from(path.as_str()), payload, options).await;
    put.map_err(|error| Error::object(format_args!("write {path}"), error))?;
    Ok(filter)
}

/// Everything behind the header.
struct Body {
    groups: BTreeMap<u32, Group>,
    /// Where it begins in the object.
    start: u64,
    bytes: Vec<u8>,
}

impl Body {
    fn new(header: &Header, start: u64) -> Result<Self> {
        let bytes = usize::try_from(header.end(start) - start)
            .map_err(|error| Error::internal("an id filter beyond measure").with_source(error))?;
        Ok(Self { groups: header.groups(start), start, bytes: vec![0; bytes] })
    }

    /// For each part the place of each of its row groups: a column of a group.
    fn columns(&self, parts: &[Part]) -> Vec<Vec<Option<(Group, usize)>>> {
        let mut columns = BTreeMap::<u32, usize>::new();
        let mut place = |blocks: &u32| {
            let group = *self.groups.get(blocks)?;
            let next = columns.entry(*blocks).or_default();
            *next += 1;
            Some((group, *next - 1))
        };
        parts.iter().map(|part| part.segment.blocks.iter().map(&mut place).collect()).collect()
    }

    /// Puts the blocks of one filter into its column.
    fn fill(&mut self, group: &Group, column: usize, blocks: &[u8]) -> Result<()> {
        if blocks.len() != group.blocks as usize * BLOCK_BYTES {
            let found = blocks.len() / BLOCK_BYTES;
            return Err(Error::internal(format!("a filter of {found} blocks, not {}", group.blocks)));
        }
        for (row, block) in (0..).zip(blocks.chunks_exact(BLOCK_BYTES)) {
            self.put(group, row, column, block);
        }
        Ok(())
    }

    /// Takes columns of another id filter over, by their groups: from where, and to where.
    async fn take(
        &mut self,
        reading: &Reading,
        filter: &IdFilter,
        moves: &BTreeMap<u32, Vec<(usize, usize)>>,
    ) -> Result<()> {
        let header = reading.id_filter_header(filter).await?;
        let path = filter.path();
        for (blocks, from) in header.groups(filter.header_bytes) {
            let Some((to, moves)) = self.groups.get(&blocks).copied().zip(moves.get(&blocks)) else {
                continue;
            };
            let at_once = u32::try_from(CHUNK_BYTES / from.row_bytes()).unwrap_or(u32::MAX).max(1);
            for first in (0..blocks).step_by(at_once as usize) {
                let rows = first..blocks.min(first.saturating_add(at_once));
                let parts = reading.read_id_filter(filter, &[from.rows(rows.clone())]).await?;
                let rows_bytes = parts.iter().flat_map(|part| part.chunks(from.row_bytes() as usize));
                for (row, bytes) in rows.zip(rows_bytes) {
                    let found = from.open(&path, row, bytes)?;
                    for (source, target) in moves {
                        self.put(&to, row, *target, &found[source * BLOCK_BYTES..][..BLOCK_BYTES]);
                    }
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, group: &Group, row: u32, column: usize, block: &[u8]) {
        let at = (group.rows(row..row).start - self.start) as usize + column * BLOCK_BYTES;
        self.bytes[at..at + BLOCK_BYTES].copy_from_slice(block);
    }

    /// Writes the checksums.
    fn seal(mut self) -> Bytes {
        for group in self.groups.values() {
            for row in 0..group.blocks {
                let range = group.rows(row..row + 1);
                let row_bytes =
                    &mut self.bytes[(range.start - self.start) as usize..(range.end - self.start) as usize];
                let (blocks, sum) = row_bytes.split_at_mut(group.columns * BLOCK_BYTES);
                sum.copy_from_slice(&group.checksum(row, blocks).to_le_bytes());
            }
        }
        self.bytes.into()
    }
}

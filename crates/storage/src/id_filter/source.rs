//! What an id filter is made of: filters that lie in segments, and those of other id filters.

use std::collections::BTreeMap;

use super::header::{Covered, CoveredSegment, Header};
use crate::{
    error::{Error, Result},
    segment::SegmentReader,
};

/// A segment that is to be covered.
pub(super) struct Part {
    /// The day or month.
    pub(super) key: String,
    /// The origin of the day list that has the segment.
    pub(super) origin: String,
    /// How many segments are of that origin.
    pub(super) all: usize,
    pub(super) segment: CoveredSegment,
    pub(super) source: Source,
}

/// Where the filters of a segment are taken from.
pub(super) enum Source {
    Segment(SegmentReader),
    /// Another id filter, by its place among those that are taken in; for each row group its column in its group.
    IdFilter(usize, Vec<usize>),
}

impl CoveredSegment {
    /// What there is to cover of a segment.
    pub(super) fn of(reader: &SegmentReader, column: u32) -> Self {
        let row_groups = 0..reader.row_groups();
        Self {
            id: reader.meta().id.clone(),
            blocks: row_groups.map(|row_group| reader.bloom_blocks(row_group, column)).collect(),
            is_absent: reader.column_root(column).is_none(),
            is_complete: reader.is_complete(column),
        }
    }
}

/// The segments of an id filter that are still there.
pub(super) fn parts_of(
    place: usize,
    header: &Header,
    is_live: impl Fn(&Covered, &CoveredSegment) -> bool,
) -> Vec<Part> {
    let mut columns = BTreeMap::<u32, usize>::new();
    let mut parts = Vec::new();
    for partition in &header.partitions {
        let mut of_partition = Vec::new();
        for segment in &partition.segments {
            let own = segment.blocks.iter().map(|blocks| {
                let next = columns.entry(*blocks).or_default();
                *next += 1;
                *next - 1
            });
            let own = own.collect();
            if is_live(partition, segment) {
                of_partition.push(Part {
                    key: partition.key.clone(),
                    origin: partition.origin.clone(),
                    all: partition.all,
                    segment: segment.clone(),
                    source: Source::IdFilter(place, own),
                });
            }
        }
        if partition.share().is_whole() {
            let all = of_partition.len();
            of_partition.iter_mut().for_each(|part: &mut Part| part.all = all);
        }
        parts.append(&mut of_partition);
    }
    parts
}

/// The header of an id filter of these parts, and the parts in its order.
pub(super) fn header(column: u32, mut parts: Vec<Part>) -> Result<(Header, Vec<Part>)> {
    parts.sort_by(|a, b| (&a.key, &a.origin).cmp(&(&b.key, &b.origin)));
    let partitions = parts.chunk_by(|a, b| a.origin == b.origin).map(|parts| {
        let first = parts.first().ok_or_else(|| Error::internal("a partition without segments"))?;
        Ok(Covered {
            key: first.key.clone(),
            origin: first.origin.clone(),
            all: parts.iter().map(|part| part.all).min().unwrap_or(0),
            segments: parts.iter().map(|part| part.segment.clone()).collect(),
        })
    });
    let partitions = partitions.collect::<Result<_>>()?;
    Ok((Header { column, partitions }, parts))
}

//! What is covered when: partitions that are in order, in the background and at the end of a compaction that somebody asked for.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};

use super::{
    IdFilter,
    build::build,
    header::{Covered, CoveredSegment, Header, Share},
    plan::{Known, Thoroughness, plan},
    source::{Part, Source, parts_of},
};
use crate::{
    error::{Error, ErrorKind, Result},
    manifest::{PartitionEntry, TableRecord},
    partition::TimeRange,
    state::State,
    storage::Core,
};

/// A table with fewer segments in order than these has no id filter: a look-up would read as much with one.
pub(super) const SEGMENTS_MIN: u64 = 8;

/// Which partitions are to be covered.
pub(crate) struct Which<'a> {
    /// Whether a partition is in order: its segments will stay for a while.
    pub(crate) is_settled: &'a (dyn Fn(&PartitionEntry) -> bool + Send + Sync),
    pub(crate) thoroughness: Thoroughness,
    /// How large an id filter may become: [`ID_FILTER_BYTES_MAX`], and less in tests.
    pub(crate) bytes_max: u64,
}

/// The id filters of one column of a table.
struct Column<'a> {
    id: u32,
    record: &'a TableRecord,
    filters: Vec<(&'a IdFilter, Arc<Header>)>,
    /// By origin how much is covered, or is about to be.
    covered: HashMap<String, Share>,
    /// By partition the segments that it has, where that was asked for.
    segments: HashMap<String, HashSet<String>>,
}

impl Column<'_> {
    /// Whether a segment of an id filter is still there. Where the day list was not read, only what is sure to be there is.
    fn is_live(&self, partition: &Covered, segment: &CoveredSegment) -> bool {
        let Some(entry) = self.record.partition(&partition.key) else { return false };
        if entry.origin() != partition.origin && self.is_covered(entry.origin()) {
            // it is covered once more with what came since
            return false;
        }
        match self.segments.get(&partition.key) {
            // what lies in several filters counts as long as its origin does
            Some(segments) if entry.origin() != partition.origin || partition.share().is_whole() => {
                segments.contains(&segment.id)
            }
            _ => entry.origin() == partition.origin,
        }
    }

    fn is_covered(&self, origin: &str) -> bool {
        self.covered.get(origin).is_some_and(|share| share.is_whole())
    }

    fn add_share(&mut self, origin: &str, share: Share) {
        let known = self.covered.get(origin).copied();
        self.covered.insert(origin.to_owned(), known.map_or(share, |known| known.and(share)));
    }

    /// Whether a segment of a partition that is covered in part is among those that are.
    fn has(&self, origin: &str, segment: &str) -> bool {
        let partitions = self.filters.iter().flat_map(|(_, header)| &header.partitions);
        let mut of_origin = partitions.filter(|partition| partition.origin == origin);
        of_origin.any(|partition| partition.segments.iter().any(|known| known.id == segment))
    }

    fn known(&self) -> Vec<Known> {
        let known = |(_, header): &(&IdFilter, Arc<Header>)| {
            let mut known = Known { bytes: 0, live_bytes: 0 };
            for partition in &header.partitions {
                for segment in &partition.segments {
                    known.bytes += segment.weight();
                    known.live_bytes += if self.is_live(partition, segment) { segment.weight() } else { 0 };
                }
            }
            known
        };
        self.filters.iter().map(known).collect()
    }

    /// The partitions that no filter covers as they are, in the order of time.
    fn uncovered(&self, which: &Which<'_>) -> Vec<&PartitionEntry> {
        let is_open = |entry: &&PartitionEntry| !self.is_covered(entry.origin()) && (which.is_settled)(entry);
        let open: Vec<&PartitionEntry> = self.record.partitions.iter().filter(is_open).collect();
        let segments: u64 = open.iter().map(|entry| entry.segments).sum();
        if self.filters.is_empty() && segments < SEGMENTS_MIN { Vec::new() } else { open }
    }

    /// Whether nothing is to be done, without reading a day list.
    fn is_in_order(&self, which: &Which<'_>) -> bool {
        which.thoroughness == Thoroughness::Usual
            && self.uncovered(which).is_empty()
            && plan(&self.known(), 0, which).is_empty()
    }

    /// The times of the partitions that some parts are of.
    fn time_range(&self, parts: &[Part]) -> TimeRange {
        let ranges = parts.iter().filter_map(|part| Some(self.record.partition(&part.key)?.time_range()));
        ranges.reduce(TimeRange::union).unwrap_or(TimeRange::new(0, -1))
    }
}

impl Core {
    /// Covers the partitions of a table that are in order by id filters, and keeps these few. The caller holds the turn of compactions.
    /// Returns the origins of partitions with a segment that is too large to be covered.
    pub(crate) async fn cover_ids(
        self: &Arc<Self>,
        table: u64,
        which: &Which<'_>,
    ) -> Result<HashSet<String>> {
        let mut too_large = HashSet::new();
        let columns = match self.state().root().table_by_id(table) {
            Some(record) => record.schema.bloom_columns().to_vec(),
            None => return Ok(too_large),
        };
        for column in columns {
            // it ends: each step covers what was not, or takes out what is gone
            while self.cover_column(table, column, which, &mut too_large).await? {
                if self.stopped.load(Ordering::Relaxed) {
                    return Err(Error::closed());
                }
            }
        }
        Ok(too_large)
    }

    /// One step. Returns whether it did anything.
    pub(super) async fn cover_column(
        self: &Arc<Self>,
        table: u64,
        column: u32,
        which: &Which<'_>,
        too_large: &mut HashSet<String>,
    ) -> Result<bool> {
        // what is looked at stays until the step is done
        let state = self.state();
        let done = self.cover_as_of(&state, table, column, which, too_large).await;
        match done {
            Err(error) if error.kind() == ErrorKind::Corrupted => {
                Err(self.judge_unreadable(state.root().version, error).await)
            }
            done => done,
        }
    }

    async fn cover_as_of(
        self: &Arc<Self>,
        state: &State,
        table: u64,
        column: u32,
        which: &Which<'_>,
        too_large: &mut HashSet<String>,
    ) -> Result<bool> {
        let Some(mut column) = self.id_filters_of(state, table, column).await? else { return Ok(false) };
        if column.is_in_order(which) {
            return Ok(false);
        }
        self.read_segments_of(&mut column, which.thoroughness).await?;
        let (mut parts, new_bytes) = self.new_parts(&column, which, too_large).await?;
        for part in &parts {
            column.add_share(&part.origin, Share { segments: 1, all: part.all });
        }
        let taken = plan(&column.known(), new_bytes, which);
        if parts.is_empty() && taken.is_empty() {
            return Ok(false);
        }
        for (place, index) in taken.iter().enumerate() {
            let header = &column.filters[*index].1;
            parts.extend(parts_of(place, header, |partition, segment| column.is_live(partition, segment)));
        }
        let taken: Vec<&IdFilter> = taken.iter().map(|index| column.filters[*index].0).collect();
        let _unnamed = self.keep_unnamed();
        let new = match parts.is_empty() {
            true => None,
            false => {
                let of = (column.id, column.time_range(&parts));
                Some(build(&self.reading, self.ids.next_id(), of, parts, &taken).await?)
            }
        };
        self.name_id_filter(table, new, &taken).await?;
        Ok(true)
    }

    /// Reads what the id filters of a column cover; `None` where the table has no such column.
    async fn id_filters_of<'a>(
        &self,
        state: &'a State,
        table: u64,
        column: u32,
    ) -> Result<Option<Column<'a>>> {
        let Some(record) = state.root().table_by_id(table) else { return Ok(None) };
        if !record.schema.bloom_columns().contains(&column) {
            return Ok(None);
        }
        let (covered, segments) = (HashMap::new(), HashMap::new());
        let mut found = Column { id: column, record, filters: Vec::new(), covered, segments };
        for filter in record.id_filters.iter().filter(|filter| filter.column == column) {
            let header = self.reading.id_filter_header(filter).await?;
            for partition in &header.partitions {
                found.add_share(&partition.origin, partition.share());
            }
            found.filters.push((filter, header));
        }
        Ok(Some(found))
    }

    /// Reads which segments the partitions have that the id filters of a column know.
    async fn read_segments_of(&self, column: &mut Column<'_>, thoroughness: Thoroughness) -> Result<()> {
        for (_, header) in &column.filters {
            for partition in &header.partitions {
                let Some(entry) = column.record.partition(&partition.key) else { continue };
                // rows that came late leave what was there as it was, until it is compacted with them
                let is_whole = entry.origin() == partition.origin && thoroughness == Thoroughness::Usual;
                if is_whole || column.segments.contains_key(&partition.key) {
                    continue;
                }
                let list = self.reading.manifest.day_list(column.record.id, entry).await?;
                let ids = list.segments.iter().map(|segment| segment.id.clone()).collect();
                column.segments.insert(partition.key.clone(), ids);
            }
        }
        Ok(())
    }

    /// The segments of partitions that are not covered, as many as one filter may have, and how large their filters are.
    async fn new_parts(
        &self,
        column: &Column<'_>,
        which: &Which<'_>,
        too_large: &mut HashSet<String>,
    ) -> Result<(Vec<Part>, u64)> {
        let (mut parts, mut bytes) = (Vec::new(), 0);
        for entry in column.uncovered(which) {
            let list = self.reading.manifest.day_list(column.record.id, entry).await?;
            let origin = entry.origin();
            let mut of_partition = Vec::new();
            for meta in list.segments.iter().filter(|meta| !column.has(origin, &meta.id)) {
                let reader = self.reading.open_segment(meta).await?;
                let segment = CoveredSegment::of(&reader, column.id);
                let (key, origin) = (entry.key.clone(), origin.to_owned());
                of_partition.push(Part { key, origin, all: 0, segment, source: Source::Segment(reader) });
            }
            let all = column.covered.get(origin).map_or(0, |share| share.segments) + of_partition.len();
            let partition_bytes: u64 = of_partition.iter().map(|part| part.segment.weight()).sum();
            if partition_bytes + bytes > which.bytes_max && !parts.is_empty() {
                break;
            }
            // one that is larger than a filter may be goes into several
            for part in of_partition {
                let part_bytes = part.segment.weight();
                if part_bytes > which.bytes_max {
                    tracing::debug!(segment = part.segment.id, part_bytes, "too many ids for an id filter");
                    too_large.insert(origin.to_owned());
                } else if bytes + part_bytes <= which.bytes_max {
                    bytes += part_bytes;
                    parts.push(Part { all, ..part });
                }
            }
        }
        Ok((parts, bytes))
    }

    /// Puts a new id filter in the place of those that it took in.
    async fn name_id_filter(
        self: &Arc<Self>,
        table: u64,
        new: Option<IdFilter>,
        taken: &[&IdFilter],
    ) -> Result<()> {
        let mut commit = self.begin().await?;
        let Some(record) = commit.root.table_mut(table) else { return Ok(()) };
        if !taken.iter().all(|filter| record.id_filters.contains(filter)) {
            // their column was dropped meanwhile: what was made is garbage
            return Ok(());
        }
        record.id_filters.retain(|filter| !taken.contains(&filter));
        let columns = record.schema.bloom_columns();
        record.id_filters.extend(new.filter(|filter| columns.contains(&filter.column)));
        commit.finish(Vec::new()).await.map(drop)
    }
}

//! Asking: which partitions, segments and row groups may have an id, with one read for each filter.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::{
    IdFilter,
    block::{BLOCK_BYTES, Hashed},
    header::{CoveredSegment, Group, Header, Share},
};
use crate::{
    error::{Error, Result},
    manifest::PartitionEntry,
    segment::SegmentMeta,
    snapshot::{Reading, TableSnapshot},
};

/// Values of a condition that are looked for at the same time; for more of them nothing is asked.
const VALUES_MAX: usize = 64;
/// Id filters that are read at the same time for one query.
const FILTERS_AT_ONCE: usize = 8;

/// A condition on an id column: a row must have one of these values.
#[derive(Debug, Clone)]
pub struct IdProbe {
    /// The id of the column.
    pub column: u32,
    /// Whether a row without a value in the column may have one in its attributes.
    pub from_attribute: bool,
    /// Text or bytes as they are, numbers as little-endian bytes.
    pub values: Vec<Vec<u8>>,
}

/// What id filters say of the rows that satisfy some probes.
#[derive(Debug, Default)]
pub struct IdAnswer {
    /// By the origin of a day list, of all whose segments are known: whether one may have such a row.
    origins: HashMap<String, bool>,
    segments: HashMap<String, Answered>,
}

/// What is known of a segment.
#[derive(Debug)]
struct Answered {
    row_groups: Vec<bool>,
    /// The columns that were asked for.
    columns: Vec<u32>,
}

/// A row of blocks of a group, checked.
struct Row {
    group: Group,
    value: Hashed,
    blocks: Bytes,
}

impl IdAnswer {
    /// Whether a partition may have such a row, as far as that is known without its day list.
    pub fn may_be_in(&self, partition: &PartitionEntry) -> bool {
        self.origins.get(partition.origin()).copied().unwrap_or(true)
    }

    /// Which row groups of a segment may have such a row; `None` where nothing is known.
    pub fn row_groups(&self, segment: &SegmentMeta) -> Option<&[bool]> {
        self.segments.get(&segment.id).map(|answered| answered.row_groups.as_slice())
    }

    /// The columns whose filters need not be asked any more in what is left of a segment.
    pub fn asked(&self, segment: &SegmentMeta) -> &[u32] {
        self.segments.get(&segment.id).map_or(&[], |answered| &answered.columns)
    }

    /// Adds what one filter says to one probe. `wanted` has the partitions that are asked for, `shares` what is known of the
    /// probe so far, by origin.
    fn add(
        &mut self,
        (probe, header, rows): (&IdProbe, &Header, &[Row]),
        wanted: &HashMap<&str, &PartitionEntry>,
        shares: &mut HashMap<String, (Share, bool)>,
    ) {
        let mut columns = BTreeMap::<u32, usize>::new();
        for partition in &header.partitions {
            let answers: Vec<(&CoveredSegment, Vec<bool>)> = partition
                .segments
                .iter()
                .map(|segment| (segment, row_groups(segment, probe, rows, &mut columns)))
                .collect();
            let Some(entry) = wanted.get(partition.key.as_str()) else { continue };
            let is_there = answers.iter().any(|(_, row_groups)| row_groups.contains(&true));
            let is_present = entry.origin() == partition.origin;
            if is_present {
                let found = (partition.share(), is_there);
                let known = shares.get(&partition.origin);
                let both = known.map_or(found, |known| (known.0.and(found.0), known.1 || is_there));
                shares.insert(partition.origin.clone(), both);
            }
            // of a partition that is left out nobody looks at the segments
            if is_there || !is_present || !partition.share().is_whole() {
                for (segment, row_groups) in answers {
                    self.add_segment(&segment.id, probe.column, row_groups);
                }
            }
        }
    }

    /// Ends a probe: of what is covered whole it is known whether it may have a row.
    fn end(&mut self, shares: HashMap<String, (Share, bool)>) {
        for (origin, (_, is_there)) in shares.into_iter().filter(|(_, (share, _))| share.is_whole()) {
            *self.origins.entry(origin).or_insert(true) &= is_there;
        }
    }

    fn add_segment(&mut self, id: &str, column: u32, row_groups: Vec<bool>) {
        match self.segments.get_mut(id) {
            Some(known) => {
                for (known, found) in known.row_groups.iter_mut().zip(row_groups) {
                    *known &= found;
                }
                known.columns.push(column);
            }
            None => {
                self.segments.insert(id.to_owned(), Answered { row_groups, columns: vec![column] });
            }
        }
    }
}

/// Which row groups of a segment may satisfy a probe. `columns` counts the row groups of each group so far.
fn row_groups(
    segment: &CoveredSegment,
    probe: &IdProbe,
    rows: &[Row],
    columns: &mut BTreeMap<u32, usize>,
) -> Vec<bool> {
    // values that are still in the attributes are in no filter
    let is_unknown = probe.from_attribute && !segment.is_complete;
    let answer = |blocks: &u32| {
        if *blocks == 0 {
            return is_unknown || !segment.is_absent;
        }
        let column = columns.entry(*blocks).or_default();
        let block = *column * BLOCK_BYTES..(*column + 1) * BLOCK_BYTES;
        *column += 1;
        let mut of_group = rows.iter().filter(|row| row.group.blocks == *blocks);
        is_unknown || of_group.any(|row| row.value.is_in(&row.blocks[block.clone()]))
    };
    segment.blocks.iter().map(answer).collect()
}

impl TableSnapshot {
    /// Where the id filters lie below the root of the database.
    pub fn id_filters(&self) -> impl Iterator<Item = String> {
        self.record().id_filters.iter().map(IdFilter::path)
    }

    /// Asks the id filters of the table which of these partitions may have a row that satisfies all probes. Reads the header of
    /// each filter, which is then cached, and one range of it.
    ///
    /// # Errors
    /// `Corrupted`, naming the object; `Unavailable` where the store does not answer.
    pub async fn ask_ids(&self, probes: &[IdProbe], partitions: &[&PartitionEntry]) -> Result<IdAnswer> {
        let wanted: HashMap<&str, &PartitionEntry> =
            partitions.iter().map(|entry| (entry.key.as_str(), *entry)).collect();
        let overlaps = |filter: &IdFilter| {
            let time = filter.time_range();
            partitions.iter().any(|entry| entry.time_range().overlaps(&time))
        };
        let filters: Vec<&IdFilter> =
            self.record().id_filters.iter().filter(|filter| overlaps(filter)).collect();
        let mut answer = IdAnswer::default();
        for probe in probes.iter().filter(|probe| probe.values.len() <= VALUES_MAX) {
            let asked: Vec<_> = filters
                .iter()
                .filter(|filter| filter.column == probe.column)
                .map(|filter| self.reading().ask_id_filter(filter, probe))
                .collect();
            let mut answers = stream::iter(asked).buffered(FILTERS_AT_ONCE);
            let mut shares = HashMap::new();
            while let Some((header, rows)) = answers.try_next().await? {
                answer.add((probe, header.as_ref(), rows.as_slice()), &wanted, &mut shares);
            }
            answer.end(shares);
        }
        Ok(answer)
    }
}

impl Reading {
    async fn ask_id_filter(&self, filter: &IdFilter, probe: &IdProbe) -> Result<(Arc<Header>, Vec<Row>)> {
        let header = self.id_filter_header(filter).await?;
        let groups = header.groups(filter.header_bytes);
        let places: Vec<(Group, Hashed, u32)> = groups
            .values()
            .flat_map(|group| {
                probe.values.iter().map(|value| {
                    let value = Hashed::of(value);
                    (*group, value, value.block(group.blocks))
                })
            })
            .collect();
        let ranges: Vec<Range<u64>> =
            places.iter().map(|(group, _, row)| group.rows(*row..row + 1)).collect();
        let parts = self.read_id_filter(filter, &ranges).await?;
        let path = filter.path();
        let rows = places.into_iter().zip(parts).map(|((group, value, row), part)| {
            let blocks = group.open(&path, row, &part)?.len();
            Ok(Row { group, value, blocks: part.slice(..blocks) })
        });
        let rows = rows.collect::<Result<_>>()?;
        Ok((header, rows))
    }

    /// Reads the header of an id filter; it is read once and then cached.
    pub(crate) async fn id_filter_header(&self, filter: &IdFilter) -> Result<Arc<Header>> {
        if let Some(header) = self.id_filters.get(&filter.id) {
            return Ok(header);
        }
        let header = Arc::new(self.read_id_filter_header(filter).await?);
        self.id_filters.insert(&filter.id, Arc::clone(&header), header.memory_size());
        Ok(header)
    }

    /// Reads the header of an id filter from the store, past the cache.
    pub(super) async fn read_id_filter_header(&self, filter: &IdFilter) -> Result<Header> {
        let parts = self.read_id_filter(filter, std::slice::from_ref(&(0..filter.header_bytes))).await?;
        parts
            .first()
            .map_or_else(|| Err(Error::internal("no range was read")), |part| Header::read(filter, part))
    }

    /// Reads some ranges of an id filter.
    pub(super) async fn read_id_filter(
        &self,
        filter: &IdFilter,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let path = filter.path();
        let location = Path::from(path.as_str());
        match self.store.get_ranges(&location, ranges).await {
            Ok(parts) => Ok(parts),
            Err(error) => Err(match self.store.head(&location).await {
                Err(object_store::Error::NotFound { .. }) => Error::corrupted(&path, "it is missing"),
                Ok(object) if object.size != filter.bytes => {
                    let problem = format_args!("it has {} bytes, {} were written", object.size, filter.bytes);
                    Error::corrupted(&path, problem)
                }
                _ => Error::object(format_args!("read {path}"), error),
            }),
        }
    }
}

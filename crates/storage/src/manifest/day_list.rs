//! A day list: the segments of one table in one partition.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::PartitionEntry;
use crate::{partition::TimeRange, segment::SegmentMeta};

/// The segments of one partition, oldest first. It is never empty: a partition without segments has no day list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DayList {
    pub(crate) id: String,
    /// The list with which segments came last, where that is an older one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<String>,
    pub(crate) table: u64,
    pub(crate) partition: String,
    #[serde(with = "segments")]
    pub(crate) segments: Vec<Arc<SegmentMeta>>,
}

impl DayList {
    /// Sums up what the root says of the partition.
    pub(crate) fn entry(&self) -> PartitionEntry {
        let ranges = self.segments.iter().map(|segment| segment.time_range());
        let time = ranges.reduce(TimeRange::union).unwrap_or(TimeRange::new(0, -1));
        PartitionEntry {
            key: self.partition.clone(),
            list: self.id.clone(),
            origin: self.origin.clone(),
            rows: self.segments.iter().map(|segment| segment.live_rows()).sum(),
            bytes: self.segments.iter().map(|segment| segment.bytes).sum(),
            segments: self.segments.len() as u64,
            min_time: time.start,
            max_time: time.end,
        }
    }

    /// Bytes in memory, roughly.
    pub(crate) fn memory_size(&self) -> usize {
        let segments = self.segments.iter().map(|segment| {
            size_of::<SegmentMeta>() + segment.path.len() + 2 * segment.id.len() + 4 * segment.columns.len()
        });
        size_of::<Self>() + segments.sum::<usize>()
    }
}

mod segments {
    use super::{Arc, Deserialize, SegmentMeta};

    pub(super) fn serialize<S: serde::Serializer>(
        list: &[Arc<SegmentMeta>],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(Arc::as_ref))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Arc<SegmentMeta>>, D::Error> {
        Ok(Vec::<SegmentMeta>::deserialize(from)?.into_iter().map(Arc::new).collect())
    }
}

//! How the memory of a compaction is shared out: between what it reads, what it writes, and the index that it builds meanwhile.

use bytesize::ByteSize;

use crate::segment::ROW_GROUP_BYTES_MAX;

/// Bytes in memory at most, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// All inputs together.
    pub(crate) inputs: u64,
    /// A row group. There are two: one is encoded while the one before is stored.
    pub(crate) row_group: usize,
    /// The index of the segment under way.
    pub(crate) index: u64,
}

impl Shares {
    /// A quarter for each of the two row groups, but no more than they may have; of the rest a third for the index.
    pub(crate) fn of(memory: ByteSize) -> Self {
        let memory = memory.as_u64();
        let row_group = (memory / 4).min(ROW_GROUP_BYTES_MAX as u64);
        let rest = memory - 2 * row_group;
        let index = rest / 3;
        Self { inputs: rest - index, row_group: row_group as usize, index }
    }
}

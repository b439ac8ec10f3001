//! Which bytes of a column chunk are needed for some of its rows: the pages that hold one of them, and the dictionary.
//!
//! What is read is whole blocks, for each block of a chunk has a checksum of its own.

use std::ops::Range;

use arrow::buffer::BooleanBuffer;
use parquet::file::page_index::offset_index::PageLocation;

/// Bytes of a block of a column chunk, counted from the beginning of the chunk; the last one is shorter.
pub(super) const BLOCK_BYTES: u64 = 16 * 1024;

/// The parts of a chunk to read for the rows that are set, in order and apart from each other; `None` where that would be most of it.
pub(super) fn needed(
    chunk: &Range<u64>,
    pages: &[PageLocation],
    selected: &BooleanBuffer,
) -> Option<Vec<Range<u64>>> {
    let bytes = chunk.end - chunk.start;
    let first = u64::try_from(pages.first()?.offset).ok()?;
    if bytes <= BLOCK_BYTES || !chunk.contains(&first) {
        return None;
    }
    let mut parts: Vec<Range<u64>> = Vec::new();
    let mut add = |start: u64, end: u64| {
        let start = (start - chunk.start) / BLOCK_BYTES * BLOCK_BYTES + chunk.start;
        let end = chunk.end.min((end - chunk.start).next_multiple_of(BLOCK_BYTES) + chunk.start);
        match parts.last_mut().filter(|last| start <= last.end) {
            Some(last) => last.end = last.end.max(end),
            None => parts.push(start..end),
        }
    };
    if first > chunk.start {
        add(chunk.start, first);
    }
    for (index, page) in pages.iter().enumerate() {
        let row = |page: &PageLocation| usize::try_from(page.first_row_index).ok();
        let rows = row(page)?..pages.get(index + 1).map_or(Some(selected.len()), row)?;
        let start = u64::try_from(page.offset).ok()?;
        let end = start.checked_add(u64::try_from(page.compressed_page_size).ok()?)?;
        if start < chunk.start || end > chunk.end || rows.start > rows.end || rows.end > selected.len() {
            return None;
        }
        if selected.slice(rows.start, rows.len()).count_set_bits() > 0 {
            add(start, end);
        }
    }
    let read: u64 = parts.iter().map(|part| part.end - part.start).sum();
    (read * 4 <= bytes * 3).then_some(parts)
}

#[cfg(test)]
mod tests;

//! The records of the log that a request becomes: one, unless its rows are too many for it.

use arrow::array::{Array, RecordBatch};
use driftline_storage::BatchId;
use twox_hash::XxHash3_128;

/// Bytes of rows in one record, about: half of what the log takes, because text that is written as JSON grows.
pub(super) const FRAME_BYTES_MAX: usize = 32 << 20;

/// Rows that are appended together, under a name of their own.
pub(super) type Frame = (BatchId, Vec<(String, RecordBatch)>);

/// Divides the rows of the request `id`. Each part is named by the request and its place in it, so that a request which comes again after only a
/// part of it was stored gets the rest.
pub(super) fn divide(id: BatchId, batches: Vec<(&'static str, RecordBatch)>, bytes_max: usize) -> Vec<Frame> {
    if batches.is_empty() {
        return Vec::new();
    }
    if batches.iter().map(|(_, batch)| bytes(batch)).sum::<usize>() <= bytes_max {
        let all = batches.into_iter().map(|(table, batch)| (table.to_owned(), batch));
        return vec![(id, all.collect())];
    }
    let mut frames = Vec::new();
    for (table, batch) in &batches {
        halve(batch, 0, bytes_max, &mut |first, part| {
            frames.push((part_id(id, table, first, part.num_rows()), vec![((*table).to_owned(), part)]));
        });
    }
    frames
}

/// Halves rows until each part is small enough, or one row.
fn halve(batch: &RecordBatch, first: usize, bytes_max: usize, found: &mut impl FnMut(usize, RecordBatch)) {
    let rows = batch.num_rows();
    if rows <= 1 || bytes(batch) <= bytes_max {
        return found(first, batch.clone());
    }
    let half = rows / 2;
    halve(&batch.slice(0, half), first, bytes_max, found);
    halve(&batch.slice(half, rows - half), first + half, bytes_max, found);
}

fn bytes(batch: &RecordBatch) -> usize {
    // an array that cannot say is small enough
    batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

fn part_id(id: BatchId, table: &str, first: usize, rows: usize) -> BatchId {
    let place = [&id.0[..], table.as_bytes(), &first.to_le_bytes(), &rows.to_le_bytes()].concat();
    BatchId(XxHash3_128::oneshot(&place).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, StringArray};

    use super::*;

    fn texts(rows: usize) -> RecordBatch {
        let text =
            StringArray::from_iter_values((0..rows).map(|row| format!("{row:0>width$}", width = row % 500)));
        RecordBatch::try_from_iter([("text", Arc::new(text) as ArrayRef)]).unwrap()
    }

    // breaks when a part is lost, doubled or named like another one
    #[test]
    fn the_parts_are_the_whole_in_order() {
        let id = BatchId([1; 16]);
        let whole = [("spans", texts(1_000)), ("payloads", texts(300))];
        let frames = divide(id, whole.to_vec(), 10_000);
        assert!(frames.len() > 20);
        let names: BTreeSet<[u8; 16]> = frames.iter().map(|(name, _)| name.0).collect();
        assert_eq!(names.len(), frames.len());
        for (table, batch) in &whole {
            let parts = frames.iter().flat_map(|(_, batches)| batches).filter(|(name, _)| name == table);
            let found: Vec<String> = parts
                .flat_map(|(_, part)| {
                    part.column(0).as_string::<i32>().iter().map(|text| text.unwrap().to_owned())
                })
                .collect();
            let expected: Vec<_> = batch.column(0).as_string::<i32>().iter().map(Option::unwrap).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(divide(id, whole.to_vec(), 10_000).len(), frames.len());
    }

    // breaks when a small request is more than one record, or its name is not that of the request
    #[test]
    fn what_is_small_enough_stays_together() {
        let id = BatchId([1; 16]);
        let frames = divide(id, vec![("spans", texts(3)), ("payloads", texts(1))], FRAME_BYTES_MAX);
        assert_eq!((frames.len(), frames[0].0, frames[0].1.len()), (1, id, 2));
        assert!(divide(id, Vec::new(), FRAME_BYTES_MAX).is_empty());
    }
}

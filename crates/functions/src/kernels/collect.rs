//! Picks the finite values of selected rows, 64 rows at a time.
//!
//! A selection is a bitmap; whole words of unselected rows are skipped and whole words of selected rows take a loop without
//! branches, because telemetry comes in time order and the two populations are usually two stretches of time.

use arrow::buffer::BooleanBuffer;

use super::keys::key_of;

const WORD: usize = 64;

/// Appends the keys of the selected finite values. NaN and infinities are left out.
pub fn append_keys(out: &mut Vec<u64>, values: &[f64], selected: &BooleanBuffer) {
    append_mapped(out, values, selected, key_of, 0);
}

/// Appends the selected finite values themselves.
pub fn append_values(out: &mut Vec<f64>, values: &[f64], selected: &BooleanBuffer) {
    append_mapped(out, values, selected, |value| value, 0.0);
}

/// Calls `visit(row)` for each selected row, in order.
#[inline]
pub fn for_each_selected(selected: &BooleanBuffer, mut visit: impl FnMut(usize)) {
    for row in selected.set_indices() {
        visit(row);
    }
}

fn append_mapped<T: Copy>(
    out: &mut Vec<T>,
    values: &[f64],
    selected: &BooleanBuffer,
    map: impl Fn(f64) -> T,
    zero: T,
) {
    assert_eq!(values.len(), selected.len(), "one selection bit a value");
    let start = out.len();
    out.resize(start + selected.count_set_bits(), zero);
    let target = &mut out[start..];
    let mut filled = 0;
    let chunks = selected.bit_chunks();
    for (index, mut word) in chunks.iter_padded().enumerate() {
        let base = index * WORD;
        if word == u64::MAX {
            let block = &values[base..base + WORD];
            if block.iter().all(|value| value.is_finite()) {
                for (slot, &value) in target[filled..filled + WORD].iter_mut().zip(block) {
                    *slot = map(value);
                }
                filled += WORD;
                continue;
            }
        }
        while word != 0 {
            // in bounds: fewer values are kept than rows were seen
            let value = values[base + word.trailing_zeros() as usize];
            target[filled] = map(value);
            filled += usize::from(value.is_finite());
            word &= word - 1;
        }
    }
    out.truncate(start + filled);
}

#[cfg(test)]
mod tests;

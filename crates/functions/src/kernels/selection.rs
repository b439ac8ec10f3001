//! Order statistics without a full sort: a few ranks of many values in linear time.

/// With less than this many keys a rank, sorting them all is as fast.
const KEYS_A_RANK_MIN: usize = 32;

/// The keys at the given positions of the sorted order. Reorders `keys`. Positions rise and are less than `keys.len()`.
pub fn order_statistics(keys: &mut [u64], positions: &[usize]) -> Vec<u64> {
    let mut found = vec![0; positions.len()];
    if keys.len() < positions.len() * KEYS_A_RANK_MIN {
        keys.sort_unstable();
        for (slot, &position) in found.iter_mut().zip(positions) {
            *slot = keys[position];
        }
    } else {
        select(keys, 0, positions, &mut found);
    }
    found
}

/// Splits at the middle position and goes on in both halves. `first` is the position of `keys[0]` in the whole.
fn select(keys: &mut [u64], first: usize, positions: &[usize], found: &mut [u64]) {
    if positions.is_empty() {
        return;
    }
    let middle = positions.len() / 2;
    let position = positions[middle];
    let (below, &mut key, above) = keys.select_nth_unstable(position - first);
    found[middle] = key;
    let (left, right) = found.split_at_mut(middle);
    select(below, first, &positions[..middle], left);
    select(above, position + 1, &positions[middle + 1..], &mut right[1..]);
}

#[cfg(test)]
mod tests;

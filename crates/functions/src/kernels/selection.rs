//! Order statistics without a full sort: a few ranks of many values in linear time.

use super::parallel::{both, threads};

/// Both sides of a split are searched at the same time if the smaller one has so many keys.
const AT_ONCE_MIN: usize = 1 << 17;

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
        let threads = if keys.len() >= 2 * AT_ONCE_MIN { threads() } else { 1 };
        select(keys, 0, positions, &mut found, threads);
    }
    found
}

/// Splits at the middle position and goes on in both halves. `first` is the position of `keys[0]` in the whole.
fn select(keys: &mut [u64], first: usize, positions: &[usize], found: &mut [u64], threads: usize) {
    if positions.is_empty() {
        return;
    }
    let middle = positions.len() / 2;
    let position = positions[middle];
    let (below, &mut key, above) = keys.select_nth_unstable(position - first);
    found[middle] = key;
    let (left, right) = found.split_at_mut(middle);
    let right = &mut right[1..];
    let at_once = threads > 1 && below.len().min(above.len()) >= AT_ONCE_MIN;
    let (half, rest) = if at_once { (threads / 2, threads - threads / 2) } else { (threads, threads) };
    both(
        at_once,
        || select(below, first, &positions[..middle], left, half),
        || select(above, position + 1, &positions[middle + 1..], right, rest),
    );
}

#[cfg(test)]
mod tests;

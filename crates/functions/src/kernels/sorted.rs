//! Sorted runs of keys: merged where partial results meet, thinned where a window moves on.

use std::borrow::Cow;

/// Merges sorted runs, pairwise; a single run is not copied.
pub fn merge<'a>(runs: &[&'a [u64]]) -> Cow<'a, [u64]> {
    match runs {
        [] => Cow::Owned(Vec::new()),
        [run] => Cow::Borrowed(run),
        [run, []] | [[], run] => Cow::Borrowed(run),
        [a, b] => Cow::Owned(merge_two(a, b)),
        _ => {
            let (left, right) = runs.split_at(runs.len() / 2);
            Cow::Owned(merge_two(&merge(left), &merge(right)))
        }
    }
}

/// Removes each key of `removed` once from `keys`; both sorted. Returns how many were not found.
pub fn subtract(keys: &mut Vec<u64>, removed: &[u64]) -> usize {
    let (mut missing, mut next, mut kept) = (0, 0, 0);
    for read in 0..keys.len() {
        let key = keys[read];
        while next < removed.len() && removed[next] < key {
            missing += 1;
            next += 1;
        }
        if next < removed.len() && removed[next] == key {
            next += 1;
        } else {
            keys[kept] = key;
            kept += 1;
        }
    }
    keys.truncate(kept);
    missing + removed.len() - next
}

fn merge_two(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut merged = vec![0; a.len() + b.len()];
    let (mut i, mut j, mut k) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let (x, y) = (a[i], b[j]);
        let first = x <= y;
        merged[k] = if first { x } else { y };
        i += usize::from(first);
        j += usize::from(!first);
        k += 1;
    }
    merged[k..k + a.len() - i].copy_from_slice(&a[i..]);
    merged[k + a.len() - i..].copy_from_slice(&b[j..]);
    merged
}

#[cfg(test)]
mod tests;

//! Sorted runs of keys: what a partial aggregation hands over and a final one reads.

/// Below this many keys several runs are merged into one rather than searched one by one.
const MERGE_INSTEAD_OF_SEARCH_MAX: usize = 1 << 16;

/// One population as sorted runs.
#[derive(Debug, Clone)]
pub struct SortedRuns<'a> {
    runs: Vec<std::borrow::Cow<'a, [u64]>>,
    len: usize,
}

impl<'a> SortedRuns<'a> {
    /// Takes runs that are each sorted ascending. Small ones are merged at once.
    pub fn new(runs: impl IntoIterator<Item = &'a [u64]>) -> Self {
        let runs: Vec<&[u64]> = runs.into_iter().filter(|run| !run.is_empty()).collect();
        let len = runs.iter().map(|run| run.len()).sum();
        if runs.len() > 1 && len <= MERGE_INSTEAD_OF_SEARCH_MAX {
            return Self { runs: vec![merge(&runs).into()], len };
        }
        Self { runs: runs.into_iter().map(Into::into).collect(), len }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of keys less than `key`.
    pub fn rank(&self, key: u64) -> usize {
        self.runs.iter().map(|run| run.partition_point(|&k| k < key)).sum()
    }

    /// The key at `position` in the order of all runs. `position` must be less than [`Self::len`].
    pub fn nth(&self, position: usize) -> u64 {
        assert!(position < self.len, "position {position} of {}", self.len);
        if let [run] = self.runs.as_slice() {
            return run[position];
        }
        // the largest key with at most `position` keys below it is a key of ours
        let (mut low, mut high) = (0u64, u64::MAX);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.rank(middle) <= position {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }

    /// All keys in one sorted slice; merges where there are several runs.
    pub fn into_merged(self) -> std::borrow::Cow<'a, [u64]> {
        match self.runs.len() {
            0 => Vec::new().into(),
            1 => self.runs.into_iter().next().expect("one run"),
            _ => {
                let runs: Vec<&[u64]> = self.runs.iter().map(|run| run.as_ref()).collect();
                merge(&runs).into()
            }
        }
    }
}

/// Merges sorted runs, pairwise, into one sorted vector.
pub fn merge(runs: &[&[u64]]) -> Vec<u64> {
    match runs {
        [] => Vec::new(),
        [run] => run.to_vec(),
        [a, b] => merge_two(a, b),
        _ => {
            let (left, right) = runs.split_at(runs.len() / 2);
            merge_two(&merge(left), &merge(right))
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

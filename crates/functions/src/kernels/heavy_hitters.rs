//! The most frequent of many values within a bounded number of counters, with a bound on the error.
//!
//! Misra and Gries (1982), in the form that merges (Agarwal, Cormode, Huang, Phillips, Wei, Yi: Mergeable Summaries, 2012): where
//! there are too many counters, each is lessened by the largest count that does not fit, and those that reach 0 go. A counter is
//! never more than the truth, and less by at most the sum of what was taken off. Every time `d` is taken off, at least `keep + 1`
//! counters lose `d`: with `n` values the error is at most `n / (keep + 1)`, on whatever way they were added and merged.

/// By how much counts are to be lessened so that at most `keep` of them stay above 0: the `keep + 1`-th largest, or 0 where all fit.
/// Reorders the counts.
pub fn lessen_by(counts: &mut [u64], keep: usize) -> u64 {
    if counts.len() <= keep {
        return 0;
    }
    let at = counts.len() - 1 - keep;
    *counts.select_nth_unstable(at).1
}

#[cfg(test)]
mod tests;

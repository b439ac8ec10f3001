//! Which id filters become one with what is new: a pure function of their sizes.
//!
//! As with segments, so that a filter is rewritten a logarithmic number of times, and a look-up asks a logarithmic number of them
//! until they are as large as they may be: what is new takes in every filter that is not much larger than it.

use super::Which;

/// What is new takes in filters of up to so many times its size.
const SIZE_RATIO: u64 = 4;
/// A filter of which less than one part of so many is still of use is written anew.
const LIVE_SHARE: u64 = 2;

/// How large an id filter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// All that it covers.
    pub(super) bytes: u64,
    /// What is still there of that.
    pub(super) live_bytes: u64,
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thoroughness {
    /// What look-ups need.
    Usual,
    /// Nothing stays that is of segments that are gone.
    All,
}

/// The filters that are taken in by a new one, ascending: with so many bytes that are not covered yet, or where these are none, for their
/// own sake. Empty, and nothing new: all is in order.
pub(super) fn plan(known: &[Known], new_bytes: u64, which: &Which<'_>) -> Vec<usize> {
    let mut bytes = new_bytes;
    let mut taken = Vec::new();
    let mut take = |index: usize, live_bytes: u64| {
        let fits = bytes + live_bytes <= which.bytes_max;
        if fits {
            bytes += live_bytes;
            taken.push(index);
        }
        bytes
    };
    let is_worn = |known: &Known| match which.thoroughness {
        Thoroughness::Usual => known.live_bytes * LIVE_SHARE < known.bytes,
        Thoroughness::All => known.live_bytes < known.bytes,
    };
    let mut total = new_bytes;
    for (index, filter) in known.iter().enumerate().filter(|(_, filter)| is_worn(filter)) {
        total = take(index, filter.live_bytes);
    }
    let mut others: Vec<(usize, &Known)> =
        known.iter().enumerate().filter(|(_, filter)| !is_worn(filter)).collect();
    others.sort_by_key(|(_, filter)| filter.live_bytes);
    for (index, filter) in others {
        if filter.live_bytes <= total.saturating_mul(SIZE_RATIO) {
            total = take(index, filter.live_bytes);
        }
    }
    taken.sort_unstable();
    taken
}

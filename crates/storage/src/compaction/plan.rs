//! Which segments of a partition become one: a pure function of what the day list says of them.
//!
//! Segments of about one size are merged when there are [`FAN_IN`] of them, so that a row is rewritten a logarithmic number of times.
//! A partition into which nothing has come for a while is put in order for good. What is deleted counts: a segment that has lost a
//! good part of its rows is written anew.

use std::sync::Arc;

use super::input::Input;
use crate::segment::SegmentMeta;

/// So many segments of one size become one.
pub(crate) const FAN_IN: usize = 4;
/// A size is so many times the one below it.
const SIZE_RATIO: u64 = 4;
/// The bytes below which all segments are of one size.
const SMALLEST_SIZE: u64 = 1 << 20;
/// A segment that has lost one row of so many is written anew.
const DELETED_SHARE: u64 = 8;
/// Segments that are read at the same time.
const INPUTS_MAX: usize = 64;

/// What a plan goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How large a segment is to become, in bytes.
    pub(crate) target_bytes: u64,
    /// Bytes that the segments of one merge may hold in memory together, if they are more than two.
    pub(crate) memory_bytes: u64,
    pub(crate) reason: Reason,
}

/// Why segments are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// They may have become too many.
    Growth,
    /// Nothing has come for a while.
    Quiet,
    /// Somebody asked: nothing deleted stays.
    Asked,
}

/// The segments that are to be merged, the oldest first; `None` where the partition is in order.
pub(crate) fn plan(segments: &[Arc<SegmentMeta>], policy: &Policy) -> Option<Vec<Arc<SegmentMeta>>> {
    let (several, share) = match policy.reason {
        Reason::Growth => (of_one_size(segments, policy), DELETED_SHARE),
        Reason::Quiet => (all_small(segments, policy), DELETED_SHARE),
        Reason::Asked => (all_small(segments, policy), u64::MAX),
    };
    several.map(|several| within_memory(several, policy)).or_else(|| with_deletions(segments, share))
}

/// Small segments of the smallest size that has enough of them.
fn of_one_size(segments: &[Arc<SegmentMeta>], policy: &Policy) -> Option<Vec<Arc<SegmentMeta>>> {
    let small: Vec<&Arc<SegmentMeta>> = segments.iter().filter(|segment| is_small(segment, policy)).collect();
    let size = |segment: &SegmentMeta| {
        (segment.bytes / SMALLEST_SIZE).checked_ilog(SIZE_RATIO).map_or(0, |log| log + 1)
    };
    let largest = small.iter().map(|segment| size(segment)).max()?;
    // what is smaller goes along: it would have to be read again soon
    (0..=largest).find_map(|most| {
        let of_size = small.iter().filter(|segment| size(segment) == most).count();
        let up_to = small.iter().filter(|segment| size(segment) <= most);
        (of_size >= FAN_IN).then(|| up_to.map(|segment| Arc::clone(segment)).collect())
    })
}

/// All small segments, if there are several.
fn all_small(segments: &[Arc<SegmentMeta>], policy: &Policy) -> Option<Vec<Arc<SegmentMeta>>> {
    let small: Vec<Arc<SegmentMeta>> =
        segments.iter().filter(|segment| is_small(segment, policy)).cloned().collect();
    (small.len() > 1).then_some(small)
}

/// The first segment that has lost one row of so many.
fn with_deletions(segments: &[Arc<SegmentMeta>], share: u64) -> Option<Vec<Arc<SegmentMeta>>> {
    let is_worth = |segment: &&Arc<SegmentMeta>| {
        let deleted = segment.rows - segment.live_rows();
        deleted > 0 && deleted >= segment.rows / share
    };
    segments.iter().find(is_worth).map(|segment| vec![Arc::clone(segment)])
}

/// A segment of half the target is large enough: to rewrite it would gain less than it costs.
fn is_small(segment: &SegmentMeta, policy: &Policy) -> bool {
    segment.bytes < policy.target_bytes / 2
}

/// As many of the segments, the oldest first, as may be read at once; where that is but one, the two that take least, so that segments become
/// fewer however little memory there is.
fn within_memory(mut segments: Vec<Arc<SegmentMeta>>, policy: &Policy) -> Vec<Arc<SegmentMeta>> {
    let mut left = policy.memory_bytes;
    let mut fits = |segment: &Arc<SegmentMeta>| match left.checked_sub(Input::memory_bytes(segment)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let several = segments.iter().take(INPUTS_MAX).take_while(|segment| fits(segment)).count();
    if several < 2 {
        segments.sort_by_key(|segment| Input::memory_bytes(segment));
    }
    segments.truncate(several.max(2));
    segments
}

#[cfg(test)]
mod tests;

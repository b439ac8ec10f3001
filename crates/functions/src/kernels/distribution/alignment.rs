//! Two distributions over the same cells, and over bins made of whole cells.

use super::{Cell, Distribution, Place};

/// Two distributions over the same bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Binned {
    /// Where one bin ends and the next one begins, to the nearest DOUBLE; one fewer than bins, the outer ones are open.
    pub edges: Vec<f64>,
    /// Values of the reference in each bin.
    pub reference: Vec<u64>,
    /// Values of the current distribution in each bin.
    pub current: Vec<u64>,
}

/// A cell that holds values of either distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedCell {
    place: Place,
    /// Where it begins.
    pub low: f64,
    /// Where it ends; `low` for zero, which is one point.
    pub high: f64,
    /// Values of the reference in it.
    pub reference: u64,
    /// Values of the current distribution in it.
    pub current: u64,
}

/// The cells of both at the coarser of their scales, in the order of their values. The counts of either are exact.
pub fn shared_cells(reference: &Distribution, current: &Distribution) -> Vec<SharedCell> {
    let scale = reference.scale.min(current.scale);
    let (left, right) = (reference.cells(scale), current.cells(scale));
    let mut shared = Vec::with_capacity(left.len().max(right.len()));
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let first = match (left.peek(), right.peek()) {
            (None, None) => return shared,
            (Some(cell), None) | (None, Some(cell)) => **cell,
            (Some(a), Some(b)) => **if a.place <= b.place { a } else { b },
        };
        let take = |cells: &mut std::iter::Peekable<std::slice::Iter<'_, Cell>>| {
            cells.next_if(|cell| cell.place == first.place).map_or(0, |cell| cell.count)
        };
        let (reference, current) = (take(&mut left), take(&mut right));
        shared.push(SharedCell { place: first.place, low: first.low, high: first.high, reference, current });
    }
}

/// Both over `bins` bins at the reference's quantiles; `None` when a side is empty.
///
/// Bins are made of whole cells, so the counts are exact. The cell of each quantile (of rank `floor((n - 1) k / bins)`) is
/// cut off at its begin or its end, whichever leaves the share below nearer to `k / bins`; the begin on a tie. A cell that
/// holds two or more of the quantiles is a bin of its own. The outer bins are open.
pub fn binned(reference: &Distribution, current: &Distribution, bins: usize) -> Option<Binned> {
    let total = reference.count();
    if total == 0 || current.count() == 0 {
        return None;
    }
    let cells = shared_cells(reference, current);
    let cuts = cuts(&cells, total, bins);
    let edges = cuts.iter().map(|&cut| cells[cut].first_value()).collect();
    let (mut reference, mut current) =
        (Vec::with_capacity(cuts.len() + 1), Vec::with_capacity(cuts.len() + 1));
    let mut start = 0;
    for end in cuts.into_iter().chain([cells.len()]) {
        let bin = &cells[start..end];
        reference.push(bin.iter().map(|cell| cell.reference).sum());
        current.push(bin.iter().map(|cell| cell.current).sum());
        start = end;
    }
    Some(Binned { edges, reference, current })
}

impl SharedCell {
    /// The least value that lies in it: positive cells begin right above their low end.
    fn first_value(&self) -> f64 {
        if self.place > Place::ZERO { self.low.next_up() } else { self.low }
    }
}

/// Before which cells a bin begins, rising; never before the first one.
fn cuts(cells: &[SharedCell], total: u64, bins: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = Vec::new();
    // a bin that ends before all cells, or begins behind them, would be empty on both sides
    let mut cut = |at: usize| {
        if at > 0 && at < cells.len() && cuts.last() != Some(&at) {
            cuts.push(at);
        }
    };
    let (bins, last) = (bins as u128, u128::from(total - 1));
    let (mut k, mut below) = (1u128, 0u128);
    for (index, cell) in cells.iter().enumerate() {
        let through = below + u128::from(cell.reference);
        let first = k;
        while k < bins && last * k / bins < through {
            k += 1;
        }
        match k - first {
            0 => {}
            1 => {
                // twice the distance of the shares, as integers
                let target = u128::from(total) * first;
                let (before, after) = (target.abs_diff(below * bins), target.abs_diff(through * bins));
                cut(if before <= after { index } else { index + 1 });
            }
            _ => {
                cut(index);
                cut(index + 1);
            }
        }
        below = through;
    }
    cuts
}
